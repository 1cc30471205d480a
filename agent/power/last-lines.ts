/** What a game wrote last before it crashed. */
import { setTimeout as delay } from "node:timers/promises";
import { CRASH_LINES_MAX, CRASH_TEXT_MAX_BYTES } from "../../protocol/limits.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import { readLogs } from "../operations/read-logs.ts";

/** The logger is a process of its own, and may still be writing, or just coming to life, when the game's end is known. */
const QUIET_MS = 50;
const LOOKS_MAX = 12;

/** The log's end once it has stopped growing; from a run that wrote nothing so far, something is waited for. */
async function quietEnd(log: ConsoleLog, from: number): Promise<number> {
  let { latest } = await log.bounds();
  for (let look = 0; look < LOOKS_MAX; look++) {
    await delay(QUIET_MS);
    const next = (await log.bounds()).latest;
    if (next === latest && next > from) break;
    latest = next;
  }
  return latest;
}

/** The end of a text: at most `CRASH_LINES_MAX` lines and `CRASH_TEXT_MAX_BYTES`, from the start of a character on. */
export function lastLines(text: string): string {
  const body = text.endsWith("\n") ? text.slice(0, -1) : text;
  const lines = body.split("\n").slice(-CRASH_LINES_MAX);
  const bytes = Buffer.from(lines.join("\n"));
  let start = Math.max(0, bytes.length - CRASH_TEXT_MAX_BYTES);
  while (start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start++;
  return bytes.toString("utf8", start);
}

/** @param from console offset at which the run began. */
export async function readLastLines(log: ConsoleLog, from: number): Promise<string> {
  const latest = await quietEnd(log, from);
  // Without a start the history begins at a line; a run whose whole text fits begins at its own first byte.
  const start = latest - from > CRASH_TEXT_MAX_BYTES ? null : Math.min(from, latest);
  return lastLines((await readLogs(log, start, CRASH_TEXT_MAX_BYTES)).data);
}
