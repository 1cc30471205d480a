/** Finding and signalling the processes of a run. */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { hasEnded, type ProcessStat, readProcessStat } from "../../process-stat.ts";

const SHELL = realpathSync("/bin/sh");
/** A process that forks as fast as it is killed is given up after so many rounds; the next one goes on. */
const KILL_ROUNDS_MAX = 200;
const KILL_ROUND_MS = 5;
/** A logger that cannot write, its disk being full, would wait for ever. */
const LAST_WORDS_DEADLINE_MS = 2_000;

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

/**
 * A variable of every process of a run, by which those that left its session are found. It names the server's folder
 * and not its id: another panel's agent on this machine may have a server of the same id.
 */
export const runMark = (consoleFolder: string): Record<string, string> => ({ [MARK]: consoleFolder });
const MARK = "CATALYST_CONSOLE";

/** Processes that carry the server's mark, in whatever session; the wrapper, which carries it too, is left out. */
function marked(loggers: ConsoleLoggers): ProcessStat[] {
  return allProcesses().filter((stat) => {
    if (stat.pid === process.pid) return false;
    if (!procText(stat.pid, "environ").split("\0").includes(`${MARK}=${loggers.folder}`)) return false;
    return !loggers.isOwn(stat.pid);
  });
}

/** Processes that write to this run's console, whatever became of their session and environment. */
function writers(loggers: ConsoleLoggers): ProcessStat[] {
  const inputs = loggers.all().map(({ pid }) => linkTarget(`/proc/${pid}/fd/0`));
  const pipes = new Set(inputs.filter((input) => input.startsWith("pipe:")));
  if (pipes.size === 0) return [];
  return allProcesses().filter(
    ({ pid }) => pid !== process.pid && !loggers.isOwn(pid) && openFiles(pid).some((file) => pipes.has(file)),
  );
}

/** The console loggers of one server. */
export class ConsoleLoggers {
  readonly #script: string;
  /** Where they write. */
  readonly folder: string;

  constructor(script: string, consoleFolder: string) {
    this.#script = script;
    this.folder = consoleFolder;
  }

  all(): ProcessStat[] {
    return allProcesses().filter(({ pid }) => {
      const words = procText(pid, "cmdline").split("\0");
      const at = words.indexOf(this.#script);
      return at >= 0 && words[at + 1] === "dir" && words[at + 2] === this.folder;
    });
  }

  /** Whether a process is a logger or the wrapper that starts it. */
  isOwn(pid: number): boolean {
    return procText(pid, "cmdline").includes(this.#script);
  }

  /** Waits until they have written the last words of a run whose processes are gone; then ends them. */
  async end(): Promise<void> {
    const startedAt = performance.now();
    for (let left = this.all(); left.length > 0; left = this.all()) {
      const waitedMs = performance.now() - startedAt;
      if (waitedMs > 2 * LAST_WORDS_DEADLINE_MS) return;
      if (waitedMs > LAST_WORDS_DEADLINE_MS) for (const { pid } of left) send(pid, "SIGKILL");
      await delay(KILL_ROUND_MS);
    }
  }
}

/** Whether the wrapper that will write this file is there. */
export function isWrapperAlive(exitFile: string): boolean {
  return allProcesses().some(({ pid }) => procText(pid, "cmdline").split("\0").includes(exitFile));
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkTarget(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const isShell = (pid: number): boolean => linkTarget(`/proc/${pid}/exe`) === SHELL;

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
 * @param leader the run's first process while it lives. Without it only processes that carry the server's mark or
 *   write to its console are ended: the number of its session may be somebody else's by now.
 * @returns false when there are still some.
 */
export async function killRun(leader: number | null, loggers: ConsoleLoggers): Promise<boolean> {
  for (let round = 0; round < KILL_ROUNDS_MAX; round++) {
    const session = leader === null ? [] : (processesBySession().get(leader) ?? []);
    const left = new Set([...session, ...marked(loggers), ...writers(loggers)].map(({ pid }) => pid));
    if (left.size === 0) return true;
    for (const pid of left) send(pid, "SIGKILL");
    await delay(KILL_ROUND_MS);
  }
  return false;
}
