/**
 * Names one boot of the machine, or of the container that stands for one: processes written down under another
 * identity are gone.
 */
import { readFileSync } from "node:fs";
import { readProcessStat } from "./process-stat.ts";

export function bootIdentity(): string {
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  // A container keeps the machine's boot id over its own restarts, but its first process is a new one.
  return `${bootId}/${readProcessStat(1)?.startTicks ?? 0}`;
}
