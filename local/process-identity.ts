/**
 * Names one process beyond doubt: a pid alone may belong to another program by the time it is read back from disk, a
 * pid together with the moment that process started cannot.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal for the same process only, on one boot of the machine. */
  startedAt: string;
}

/** When the process with this pid started, or null when there is none. A zombie counts as none. */
export function processStartedAt(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  return process.platform === "linux" ? startedAtFromProc(pid) : startedAtFromPs(pid);
}

/** The identity of a running process, to be written down; null when it has already ended. */
export function identify(pid: number): ProcessIdentity | null {
  const startedAt = processStartedAt(pid);
  return startedAt === null ? null : { pid, startedAt };
}

export function isStillRunning(identity: ProcessIdentity): boolean {
  return processStartedAt(identity.pid) === identity.startedAt;
}

/**
 * Ends a process, after checking that the pid still means the process that was written down.
 *
 * @param signal sent first; SIGKILL follows when the process is still there after `deadlineMs`.
 * @returns once it has ended.
 */
export async function endProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals = "SIGTERM",
  deadlineMs = 10_000,
): Promise<void> {
  if (!sendSignal(identity, signal)) return;
  if (await hasEnded(identity, deadlineMs)) return;
  sendSignal(identity, "SIGKILL");
  if (!(await hasEnded(identity, 5_000))) throw new Error(`process ${identity.pid} does not end`);
}

function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isStillRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

async function hasEnded(identity: ProcessIdentity, deadlineMs: number): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  while (isStillRunning(identity)) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

function startedAtFromProc(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The command name, in parentheses, may hold anything: fields are counted from its end. Field 3 is the state.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  return state === "Z" || state === "X" || startTicks === undefined ? null : `${bootId()}/${startTicks}`;
}

let knownBootId: string | undefined;
function bootId(): string {
  try {
    knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    knownBootId = "unknown";
  }
  return knownBootId;
}

function startedAtFromPs(pid: number): string | null {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", stdio: "pipe" });
    return text.trim() || null;
  } catch {
    return null;
  }
}
