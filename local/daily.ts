/**
 * Gives the Worker on this machine the daily call that the cloud's cron gives it elsewhere. A machine that is on for an
 * hour a day is served too: the time of the last call is kept in the data folder.
 */
import { existsSync, readFileSync } from "node:fs";
import { writeAtomically } from "./data-folder.ts";
import { DAILY_PATH } from "./edge/headers.ts";

export const DAY_MS = 24 * 60 * 60 * 1000;
const RETRY_MS = 10 * 60 * 1000;
const CALL_DEADLINE_MS = 5 * 60 * 1000;

interface DailyOptions {
  url: string;
  /** Known to the edge and to this process alone. */
  token: string;
  /** Where the time of the last call is kept. */
  stateFile: string;
  log(line: string): void;
}

/** When the next call is due, in milliseconds from now; a clock that went back delays it by a day at most. */
export function dueInMs(lastMs: number, nowMs: number): number {
  return Math.min(Math.max(lastMs + DAY_MS - nowMs, 0), DAY_MS);
}

/** A first start has nothing to sweep: its day begins now. */
function lastCall(stateFile: string): number {
  const known = existsSync(stateFile) ? Date.parse(readFileSync(stateFile, "utf8").trim()) : Number.NaN;
  if (!Number.isNaN(known)) return known;
  writeAtomically(stateFile, `${new Date().toISOString()}\n`);
  return Date.now();
}

/** Calls now if the last time is a day ago, and then once a day. @returns how to end it */
export function callDaily(options: DailyOptions): () => Promise<void> {
  const ending = new AbortController();
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  const call = async () => {
    const response = await fetch(options.url + DAILY_PATH, {
      method: "POST",
      headers: { authorization: `Bearer ${options.token}` },
      signal: AbortSignal.any([ending.signal, AbortSignal.timeout(CALL_DEADLINE_MS)]),
    });
    if (!response.ok) throw new Error(`the edge answered ${response.status}`);
    options.log(`daily: ${await response.text()}`);
    writeAtomically(options.stateFile, `${new Date().toISOString()}\n`);
  };
  const wait = (ms: number) => {
    timer = setTimeout(() => {
      running = call().then(
        () => wait(DAY_MS),
        (error: unknown) => {
          if (ending.signal.aborted) return;
          options.log(`daily: ${error instanceof Error ? error.message : String(error)}`);
          wait(RETRY_MS);
        },
      );
    }, ms);
  };
  wait(dueInMs(lastCall(options.stateFile), Date.now()));
  return async () => {
    clearTimeout(timer);
    ending.abort();
    await running;
    clearTimeout(timer);
  };
}
