/** The processes that stand around running containers, and the CPU time that they take. */
import { readFileSync } from "node:fs";
import { processIds, statFields } from "../tests/world/processes.ts";

/** One process as the kernel lists it. */
export interface ProcessEntry {
  pid: number;
  parentPid: number;
  commandLine: string;
}

/** Process ids around the game of one server. */
export interface ServerProcesses {
  shim: number;
  init: number;
  logger: number;
  /** What else a shim holds: nothing should. */
  others: number[];
}

/** All living processes; one that ends meanwhile is left out. */
export function listProcesses(): ProcessEntry[] {
  return processIds().flatMap((pid) => {
    try {
      const parentPid = Number(statFields(pid)[1]);
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return [{ pid, parentPid, commandLine }];
    } catch {
      return [];
    }
  });
}

/** The shims whose logger writes below `dataDir`, and what they hold. Pure. */
export function serverProcesses(processes: readonly ProcessEntry[], dataDir: string): ServerProcesses[] {
  const isLogger = ({ commandLine }: ProcessEntry) =>
    commandLine.includes("/console-logger ") && commandLine.includes(`${dataDir}/`);
  const shims = processes.filter(({ commandLine }) => /(^|\/)containerd-shim-runc-v2 /.test(commandLine));
  return shims.flatMap(({ pid: shim }) => {
    const held = processes.filter(({ parentPid }) => parentPid === shim);
    const logger = held.find(isLogger);
    if (!logger) return [];
    const rest = held.filter((process) => process !== logger);
    // The init is the one that has the game below it.
    const init = rest.find(({ pid }) => processes.some(({ parentPid }) => parentPid === pid));
    const others = rest.filter((process) => process !== init).map(({ pid }) => pid);
    return [{ shim, init: init?.pid ?? 0, logger: logger.pid, others }];
  });
}

/** CPU time in milliseconds of a process, of the children it has waited for, and of its living ones. */
export function familyCpuMs(pid: number, processes: readonly ProcessEntry[]): number {
  const children = processes.filter(({ parentPid }) => parentPid === pid);
  return [pid, ...children.map((child) => child.pid)].map(cpuWithEndedChildrenMs).reduce((sum, ms) => sum + ms, 0);
}

function cpuWithEndedChildrenMs(pid: number): number {
  // User and system time, then those of ended children: 100 clock ticks a second on Linux.
  return (
    statFields(pid)
      .slice(11, 15)
      .reduce((sum, ticks) => sum + Number(ticks), 0) * 10
  );
}
