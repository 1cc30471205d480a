import { readdirSync, readFileSync } from "node:fs";

/** Whether a process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}

/** What the kernel tells of a process after its name, which may hold anything: its state, its parent, and so on. */
export const statFields = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");

/** Ids of all processes; one that ends meanwhile may be among them. */
export const processIds = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** CPU time used so far by a process, in milliseconds (100 clock ticks a second on Linux). */
export function cpuTimeMs(pid: number): number {
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Living children of a process whose command line contains a word. */
export function childrenOf(parentPid: number, word: string): number[] {
  return processIds().filter((pid) => {
    try {
      const [state, parent] = statFields(pid);
      if (Number(parent) !== parentPid || state === "Z") return false;
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  });
}

/** Whether a process's command line or environment names a folder. */
export function namesFolder(pid: number, folder: string): boolean {
  try {
    return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${pid}/${file}`, "latin1").includes(folder));
  } catch {
    return false;
  }
}

/** Living processes, other than this one, whose command line or environment names a folder. */
export function processesOf(folder: string): number[] {
  return processIds().filter((pid) => pid !== process.pid && isAlive(pid) && namesFolder(pid, folder));
}

/** Memory in bytes: what would be given back if the process ended, and what no other process can share. */
export interface OwnMemory {
  proportional: number;
  privateDirty: number;
}

export function ownMemory(pid: number): OwnMemory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { proportional: bytes("Pss"), privateDirty: bytes("Private_Dirty") };
}
