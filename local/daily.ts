/**
 * Gives the Worker on this machine the daily call that the cloud's cron gives it elsewhere. A machine that is on for an
 * hour a day is served too: the time of the last call is kept in the data folder.
 */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
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
  const calling = callEachDay(options, dueInMs(lastCall(options.stateFile), Date.now()), ending.signal);
  return () => {
    ending.abort();
    return calling;
  };
}

async function callEachDay(options: DailyOptions, firstInMs: number, signal: AbortSignal): Promise<void> {
  for (let waitMs = firstInMs; !signal.aborted; ) {
    try {
      await delay(waitMs, undefined, { signal });
      await call(options, signal);
      waitMs = DAY_MS;
    } catch (error) {
      if (signal.aborted) return;
      options.log(`daily: ${error instanceof Error ? error.message : String(error)}`);
      waitMs = RETRY_MS;
    }
  }
}

async function call({ url, token, log, stateFile }: DailyOptions, signal: AbortSignal): Promise<void> {
  const response = await fetch(url + DAILY_PATH, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_DEADLINE_MS)]),
  });
  if (!response.ok) throw new Error(`the edge answered ${response.status}`);
  log(`daily: ${await response.text()}`);
  writeAtomically(stateFile, `${new Date().toISOString()}\n`);
}
