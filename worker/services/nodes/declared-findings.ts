import type { Finding, Machine } from "../../../protocol/findings.ts";

interface Declared {
  maxMemoryMb: number;
  maxCpuCores: number;
  maxDiskMb: number;
}

/** A kernel keeps some memory for itself, and a file system some of the disk: so much less is no mistake. */
const TOLERATED_PART = 0.95;

/**
 * What was declared for a node held against what its machine has. Made whenever the node is read, so that a change of
 * either is seen at once.
 */
export function declaredFindings(declared: Declared, machine: Machine | null): Finding[] {
  if (!machine) return [];
  const compare = (id: string, subject: string, promised: number, present: number, unit: string): Finding[] => {
    if (promised * TOLERATED_PART <= present) return [];
    return [
      {
        id,
        level: "warning",
        subject,
        message: `The node is declared with ${promised} ${unit}, the machine has ${present}.`,
        remedy: "Edit the node and lower what is declared, or servers are promised what is not there.",
      },
    ];
  };
  return [
    ...compare("declared-memory", "Declared memory", declared.maxMemoryMb, machine.memoryMb, "MiB"),
    ...compare("declared-cpu", "Declared CPU", declared.maxCpuCores, machine.cpuCores, "cores"),
    ...compare("declared-disk", "Declared disk", declared.maxDiskMb, machine.diskMb, "MiB"),
  ];
}
