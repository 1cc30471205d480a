import type { Finding } from "../../../protocol/findings.ts";
import { error, ok, warning } from "../../preflight/finding.ts";

/** Cgroup controllers of this machine. */
export interface Controllers {
  version: 1 | 2;
  names: readonly string[];
  hasSwapLimit: boolean;
  hasIoWeight: boolean;
}

const NEEDED = ["memory", "cpu", "pids"];

/** What can be limited here; without memory, CPU and process limits one game takes the whole machine. */
export function judgeCgroups({ version, names, hasSwapLimit, hasIoWeight }: Controllers): Finding[] {
  const [id, subject] = ["cgroups", "Limits"];
  const missing = NEEDED.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    const remedy = "Switch these cgroup controllers on (kernel parameters) and restart the machine.";
    return [error(id, subject, `The kernel cannot limit ${missing.join(", ")}.`, remedy)];
  }
  return [
    ok(id, subject, `cgroup version ${version}: memory, CPU and processes can be limited.`),
    hasSwapLimit
      ? ok("swap-limit", "Swap limit", "Swap can be limited.")
      : warning(
          "swap-limit",
          "Swap limit",
          "The kernel does not count swap: a game may use swap beyond its memory limit.",
          "Add swapaccount=1 to the kernel's parameters and restart the machine, or switch swap off.",
        ),
    hasIoWeight
      ? ok("io-weight", "Disk priority", "Disk access can be weighted.")
      : ok("io-weight", "Disk priority", "Disk access cannot be weighted here; games share it as they come."),
  ];
}
