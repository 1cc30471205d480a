/** What the machine has, and whether there is enough of it at this moment. */
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Finding, Machine } from "../../protocol/findings.ts";
import { memoryField } from "../stats/meminfo.ts";
import { ok, warning } from "./finding.ts";

const MIB = 1024 ** 2;
/** Below this the next game that grows is ended by the kernel, and the agent is in danger too. */
const AVAILABLE_MIN_MB = 256;

const memoryMb = (meminfo: string, name: string) => Math.round(memoryField(meminfo, name));

export async function readMachine(dataDir: string): Promise<Machine> {
  const [meminfo, disk] = await Promise.all([readFile("/proc/meminfo", "utf8"), statfs(dataDir)]);
  return {
    memoryMb: memoryMb(meminfo, "MemTotal"),
    swapMb: memoryMb(meminfo, "SwapTotal"),
    cpuCores: availableParallelism(),
    diskMb: Math.floor((disk.blocks * disk.bsize) / MIB),
  };
}

export function judgeMemory(meminfo: string): Finding[] {
  const availableMb = memoryMb(meminfo, "MemAvailable");
  const swapMb = memoryMb(meminfo, "SwapTotal");
  const message = `${availableMb} MiB of ${memoryMb(meminfo, "MemTotal")} MiB available.`;
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
