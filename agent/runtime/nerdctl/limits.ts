/** A server's limits as nerdctl takes them, for `run` and for `update`. Pure. */
import { formatCpuList, parseCpuList } from "../../../protocol/cpu-list.ts";
import type { ServerSpec } from "../../../protocol/spec.ts";
import type { KeptLimit, LiveLimit } from "../container-runtime.ts";
import { RuntimeError } from "../container-runtime.ts";

/** What the node's kernel can do about limits. */
export interface NodeLimits {
  /** CPUs that are there, ascending. */
  cpus: number[];
  /** How it weighs the servers' use of its disks; null when it does not. */
  ioWeight: "bfq" | "iocost" | null;
}

export type LimitSpec = Pick<
  ServerSpec,
  "memoryMb" | "memoryHeadroomMb" | "swapMb" | "cpuCores" | "cpuPinning" | "ioWeight" | "pidsLimit"
>;

const MB = 1024 * 1024;
const CPU_PERIOD_US = 100_000;
/** The kernel takes no less. */
const CPU_QUOTA_MIN_US = 1_000;
/** Both of the kernel's ways to weigh take this for who says nothing. */
const IO_WEIGHT_DEFAULT = 100;

/** Memory that the container may use, in MiB: the server's own and the head-room of its runtime. */
export const containerMemoryMb = ({ memoryMb, memoryHeadroomMb }: LimitSpec): number => memoryMb + memoryHeadroomMb;

const memoryArguments = (spec: LimitSpec): string[] => {
  const memoryMb = containerMemoryMb(spec);
  // nerdctl's swap limit counts memory and swap together.
  return ["--memory", `${memoryMb}m`, "--memory-swap", `${memoryMb + spec.swapMb}m`];
};

/** For `update`, whose own `--cpus` changes nothing (nerdctl 2.3.5), and for `run`. */
const cpuArguments = ({ cpuCores }: LimitSpec): string[] => {
  const quotaUs = Math.max(CPU_QUOTA_MIN_US, Math.round(cpuCores * CPU_PERIOD_US));
  return ["--cpu-period", String(CPU_PERIOD_US), "--cpu-quota", String(quotaUs)];
};

const pidsArguments = ({ pidsLimit }: LimitSpec): string[] => ["--pids-limit", String(pidsLimit)];

/** What is wrong with a pinning on this node, in words for the owner; null when nothing is. */
export function pinningDefect(cpuPinning: string | null, { cpus }: NodeLimits): string | null {
  if (cpuPinning === null) return null;
  const missing = parseCpuList(cpuPinning).filter((cpu) => !cpus.includes(cpu));
  if (missing.length === 0) return null;
  const which = missing.length === 1 ? `CPU ${missing[0]}` : `the CPUs ${formatCpuList(missing)}`;
  return `The server is pinned to ${which}, but this node has ${formatCpuList(cpus)}.`;
}

/** runc turns the old scale of 10 to 1000 into 1 to 10000 for a kernel that weighs by cost; this is the way back. */
const nerdctlWeight = (weight: number, kind: NodeLimits["ioWeight"]): number =>
  kind === "bfq" ? weight : 10 + Math.round(((weight - 1) * 990) / 9999);

/**
 * The limits of a new container.
 *
 * @throws RuntimeError when it is pinned to CPUs that the node does not have.
 */
export function limitArguments(spec: LimitSpec, node: NodeLimits): string[] {
  const defect = pinningDefect(spec.cpuPinning, node);
  if (defect) throw new RuntimeError(defect);
  const weight = spec.ioWeight !== null && node.ioWeight ? nerdctlWeight(spec.ioWeight, node.ioWeight) : null;
  return [
    ...memoryArguments(spec),
    ...cpuArguments(spec),
    ...(spec.cpuPinning === null ? [] : ["--cpuset-cpus", spec.cpuPinning]),
    ...(weight === null ? [] : ["--blkio-weight", String(weight)]),
    ...pidsArguments(spec),
  ];
}

/** Limits that are changed together, and whose refusal concerns no other. */
export interface LimitGroup {
  fields: LiveLimit[];
  arguments: string[];
}

export interface MemoryUse {
  limitBytes: number;
  /** Without cache that can be dropped at once. */
  usedBytes: number;
}

/** A game that uses nearly all of what it would be left with would be killed by its next breath. */
const SPARE_SHARE = 0.05;
const SPARE_MIN_MB = 16;

/** Why the memory limit cannot be changed now, or null. A newer kernel would kill the game, an older one refuses. */
export function memoryDefect(spec: LimitSpec, use: MemoryUse | null): string | null {
  const wantedMb = containerMemoryMb(spec);
  if (!use || wantedMb * MB >= use.limitBytes) return null;
  const usedMb = Math.ceil(use.usedBytes / MB);
  if (usedMb + Math.max(SPARE_MIN_MB, wantedMb * SPARE_SHARE) <= wantedMb) return null;
  return `The server uses ${usedMb} MiB now, too much for a limit of ${wantedMb} MiB.`;
}

const MEMORY_FIELDS: LiveLimit[] = ["allocatedMemoryMb", "memoryHeadroomMb", "swapMb"];

/** What to change on a running container, and what it keeps because it cannot be. */
export function liveChanges(
  spec: LimitSpec,
  node: NodeLimits,
  use: MemoryUse | null,
): { groups: LimitGroup[]; kept: KeptLimit[] } {
  const groups: LimitGroup[] = [
    { fields: ["allocatedCpuCores"], arguments: cpuArguments(spec) },
    { fields: ["pidsLimit"], arguments: pidsArguments(spec) },
  ];
  const kept: KeptLimit[] = [];
  const tooMuch = memoryDefect(spec, use);
  if (tooMuch) kept.push(...MEMORY_FIELDS.map((field) => ({ field, reason: tooMuch })));
  else groups.push({ fields: MEMORY_FIELDS, arguments: memoryArguments(spec) });
  const notHere = pinningDefect(spec.cpuPinning, node);
  if (notHere) kept.push({ field: "cpuPinning", reason: notHere });
  // An empty list changes nothing: every CPU has to be named.
  else
    groups.push({ fields: ["cpuPinning"], arguments: ["--cpuset-cpus", spec.cpuPinning ?? formatCpuList(node.cpus)] });
  if (node.ioWeight) {
    const weight = nerdctlWeight(spec.ioWeight ?? IO_WEIGHT_DEFAULT, node.ioWeight);
    groups.push({ fields: ["ioWeight"], arguments: ["--blkio-weight", String(weight)] });
  }
  return { groups, kept };
}
