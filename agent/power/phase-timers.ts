/**
 * Runs the deadlines of the present state, and looks for its ready line. Armed anew at each state. A clock that jumped
 * can shorten a wait or fill it up again, never make it longer.
 */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import { type DeadlineName, deadlines } from "./deadlines.ts";
import { readyMatcher } from "./ready-pattern.ts";
import { watchReady } from "./ready-watch.ts";
import type { ServerStatus } from "./server-status.ts";

export interface PhaseEnds {
  ready(): void;
  deadline(name: DeadlineName): void;
}

export class PhaseTimers {
  readonly #console: ConsoleLog;
  readonly #ends: PhaseEnds;
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopWatching: (() => void) | null = null;

  constructor(console: ConsoleLog, ends: PhaseEnds) {
    this.#console = console;
    this.#ends = ends;
  }

  arm(status: ServerStatus, spec: ServerSpec): void {
    this.clear();
    for (const { name, since, waitMs, leastMs = 0, everyMs } of deadlines(status, spec)) {
      const restMs = Math.min(Math.max(since + waitMs - Date.now(), leastMs), Math.max(waitMs, 0));
      this.#after(restMs, name, everyMs);
    }
    if (status.state !== "starting" || status.isLaunching) return;
    const matcher = readyMatcher(spec.readyPattern);
    if (matcher) this.#stopWatching = watchReady(this.#console, status.readyFrom, matcher, this.#ends.ready);
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#stopWatching?.();
    this.#stopWatching = null;
  }

  #after(waitMs: number, name: DeadlineName, everyMs: number | undefined): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (everyMs !== undefined) this.#after(everyMs, name, everyMs);
      this.#ends.deadline(name);
    }, waitMs);
    this.#timers.add(timer);
  }
}
