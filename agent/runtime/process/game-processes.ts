/** Finding and signalling the processes of a run. */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { hasEnded, type ProcessStat, readProcessStat } from "../../process-stat.ts";

const SHELL = realpathSync("/bin/sh");
/** A process that forks as fast as it is killed is given up after so many rounds; the next one goes on. */
const KILL_ROUNDS_MAX = 200;
const KILL_ROUND_MS = 5;

function allProcesses(): ProcessStat[] {
  return readdirSync("/proc")
    .filter((name) => name.charCodeAt(0) <= 0x39)
    .map((name) => readProcessStat(Number(name)))
    .filter((stat) => stat !== null && !hasEnded(stat)) as ProcessStat[];
}

/** Live processes by the session they belong to. */
export function processesBySession(): Map<number, ProcessStat[]> {
  const sessions = new Map<number, ProcessStat[]>();
  for (const stat of allProcesses()) {
    const members = sessions.get(stat.session);
    if (members) members.push(stat);
    else sessions.set(stat.session, [stat]);
  }
  return sessions;
}

function procText(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}

/** Processes that carry the server's environment, in whatever session; the wrapper, which carries it too, is left out. */
function marked(serverId: string, loggerPath: string): ProcessStat[] {
  return allProcesses().filter((stat) => {
    if (stat.pid === process.pid) return false;
    if (!procText(stat.pid, "environ").split("\0").includes(`SERVER_ID=${serverId}`)) return false;
    return !procText(stat.pid, "cmdline").includes(loggerPath);
  });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isShell(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === SHELL;
  } catch {
    return false;
  }
}

function catches(pid: number, signal: NodeJS.Signals): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(procText(pid, "status"))?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/**
 * Signals every process of the session. A shell that only waits for the game in its place would die of the signal
 * before the game has ended, and the run with it: it is passed over, and ends by itself when its child does.
 */
export function signalSession(leader: number, signal: NodeJS.Signals): void {
  const members = processesBySession().get(leader) ?? [];
  const mayPassOver = members.length > 1 && isShell(leader) && !catches(leader, signal);
  for (const { pid } of members) {
    if (!(mayPassOver && pid === leader)) send(pid, signal);
  }
}

/**
 * Ends every process of the run, also those that left its session, and resolves when none is left.
 *
 * @param leader the run's first process while it lives. Without it only processes that carry the server's environment
 *   are ended: the number of its session may be somebody else's by now.
 * @returns false when there are still some.
 */
export async function killRun(serverId: string, leader: number | null, loggerPath: string): Promise<boolean> {
  for (let round = 0; round < KILL_ROUNDS_MAX; round++) {
    const session = leader === null ? [] : (processesBySession().get(leader) ?? []);
    const left = new Set([...session, ...marked(serverId, loggerPath)].map((stat) => stat.pid));
    if (left.size === 0) return true;
    for (const pid of left) send(pid, "SIGKILL");
    await delay(KILL_ROUND_MS);
  }
  return false;
}
