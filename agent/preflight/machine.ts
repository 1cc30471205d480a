/** What the machine has, and whether there is enough of it at this moment. */
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Finding, Machine } from "../../protocol/findings.ts";
import { ok, warning } from "./finding.ts";

const MIB = 1024 ** 2;
/** Below this the next game that grows is ended by the kernel, and the agent is in danger too. */
const AVAILABLE_MIN_MB = 256;

/** A field of `/proc/meminfo` in MiB. */
export function memoryField(meminfo: string, name: string): number {
  return Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0) / 1024);
}

export async function readMachine(dataDir: string): Promise<Machine> {
  const [meminfo, disk] = await Promise.all([readFile("/proc/meminfo", "utf8"), statfs(dataDir)]);
  return {
    memoryMb: memoryField(meminfo, "MemTotal"),
    swapMb: memoryField(meminfo, "SwapTotal"),
    cpuCores: availableParallelism(),
    diskMb: Math.floor((disk.blocks * disk.bsize) / MIB),
  };
}

export function judgeMemory(meminfo: string): Finding[] {
  const availableMb = memoryField(meminfo, "MemAvailable");
  const swapMb = memoryField(meminfo, "SwapTotal");
  const message = `${availableMb} MiB of ${memoryField(meminfo, "MemTotal")} MiB available.`;
  return [
    availableMb < AVAILABLE_MIN_MB
      ? warning("memory", "Memory", message, "Stop what this machine need not run, or give its servers less.")
      : ok("memory", "Memory", message),
    ok("swap", "Swap", swapMb > 0 ? `${swapMb} MiB.` : "None: a machine out of memory ends a game at once."),
  ];
}

export async function checkMemory(): Promise<Finding[]> {
  return judgeMemory(await readFile("/proc/meminfo", "utf8"));
}
