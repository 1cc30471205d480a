/** Console history: the text of a range of the log. */
import type { LogsReply } from "../../protocol/agent-replies.ts";
import { AGENT_FRAME_MAX_BYTES, CONSOLE_LOGS_MAX_BYTES } from "../../protocol/limits.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import { characterEnd, displayStart } from "../console/text-frames.ts";

/** A tail begins after the first line end found in so much of it. */
const LINE_SEARCH_BYTES = 4 * 1024;
/** Room for the rest of the answer's frame. */
const FRAME_ROOM_BYTES = 4 * 1024;

interface Range {
  from: number;
  bytes: Buffer;
}

/** Reads on until `limitBytes`, the log's end, or a hole. */
async function readRange(log: ConsoleLog, from: number, limitBytes: number): Promise<Range> {
  const first = await log.read(from, limitBytes);
  const parts = [first.bytes];
  let size = first.bytes.length;
  while (size < limitBytes) {
    const next = await log.read(first.offset + size, limitBytes - size);
    if (next.bytes.length === 0 || next.offset !== first.offset + size) break;
    parts.push(next.bytes);
    size += next.bytes.length;
  }
  return { from: first.offset, bytes: parts.length === 1 ? first.bytes : Buffer.concat(parts) };
}

/** The longest beginning whose JSON fits into a frame: control characters take six times their size. */
function fitting(bytes: Buffer): { data: string; length: number } {
  let length = characterEnd(bytes, 0, bytes.length);
  if (length === 0) length = bytes.length;
  for (;;) {
    const data = bytes.toString("utf8", 0, length);
    if (Buffer.byteLength(JSON.stringify(data)) <= AGENT_FRAME_MAX_BYTES - FRAME_ROOM_BYTES) return { data, length };
    length = characterEnd(bytes, 0, Math.floor(length / 2));
  }
}

/** @param from absolute offset, or null for the tail; text that is gone moves it up to the oldest that is kept. */
export async function readLogs(log: ConsoleLog, from: number | null, limitBytes: number): Promise<LogsReply> {
  const limit = Math.min(Math.max(limitBytes, 1), CONSOLE_LOGS_MAX_BYTES);
  const { oldest, latest } = await log.bounds();
  const wanted = from ?? latest - limit;
  const start = Math.min(Math.max(wanted, oldest), latest);
  let range = await readRange(log, start, limit);
  // A tail that does not begin where the log does begins somewhere in a line.
  if (from === null && start > oldest) {
    const skipped = displayStart(range.bytes, LINE_SEARCH_BYTES);
    range = { from: range.from + skipped, bytes: range.bytes.subarray(skipped) };
  }
  const { data, length } = fitting(range.bytes);
  return { data, from: range.from, to: range.from + length, oldest, latest: Math.max(latest, range.from + length) };
}
