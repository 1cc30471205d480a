/**
 * What a state must not last longer than. Armed anew at each state; after a restart of the agent only the rest of the
 * time is waited for. A clock that jumped can shorten a wait or fill it up again, never make it longer.
 */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import { readyMatcher } from "./ready-pattern.ts";
import { watchReady } from "./ready-watch.ts";
import type { ServerStatus } from "./server-status.ts";

/** Between SIGTERM and SIGKILL, and between repeated SIGKILLs of something that will not go. */
export const KILL_GRACE_MS = 10_000;

export interface PhaseEnds {
  ready(): void;
  readyOverdue(): void;
  terminate(): void;
  kill(): void;
  /** The wait before a restart is over. */
  restart(): void;
}

export class PhaseTimers {
  readonly #console: ConsoleLog;
  readonly #ends: PhaseEnds;
  #timers: NodeJS.Timeout[] = [];
  #stopWatching: (() => void) | null = null;

  constructor(console: ConsoleLog, ends: PhaseEnds) {
    this.#console = console;
    this.#ends = ends;
  }

  arm(status: ServerStatus, spec: ServerSpec): void {
    this.clear();
    if (status.state === "starting" && !status.isLaunching) this.#armStarting(status, spec);
    if (status.state === "stopping" && !status.isLaunching) this.#armStopping(status, spec);
    if (status.restartAt !== null) {
      this.#after(status.restartAt - status.enteredAt, status.enteredAt, this.#ends.restart);
    }
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#stopWatching?.();
    this.#stopWatching = null;
  }

  #armStarting(status: ServerStatus, spec: ServerSpec): void {
    this.#after(spec.startTimeoutSeconds * 1000, status.startedAt ?? status.enteredAt, this.#ends.readyOverdue);
    const matcher = readyMatcher(spec.readyPattern);
    if (matcher) this.#stopWatching = watchReady(this.#console, status.readyFrom, matcher, this.#ends.ready);
  }

  #armStopping(status: ServerStatus, spec: ServerSpec): void {
    const patienceMs = status.isKilled ? 0 : spec.stopTimeoutSeconds * 1000;
    if (!status.isKilled) this.#after(patienceMs, status.enteredAt, this.#ends.terminate);
    const killAgain = () => {
      this.#ends.kill();
      this.#timers.push(setTimeout(killAgain, KILL_GRACE_MS));
    };
    this.#after(patienceMs + KILL_GRACE_MS, status.enteredAt, killAgain);
  }

  #after(waitMs: number, since: number, end: () => void): void {
    const restMs = Math.min(Math.max(since + waitMs - Date.now(), 0), waitMs);
    this.#timers.push(setTimeout(end, restMs));
  }
}
