/**
 * Cutting a console's bytes into frames, and writing those frames. Pure.
 *
 * Invariant: whatever the cuts, the texts of consecutive frames joined equal the text of their bytes decoded at once,
 * because no cut falls inside a UTF-8 sequence that is still well formed up to there. Bytes that are not UTF-8 read as
 * U+FFFD and never hold a cut back.
 */
import { encodeConsoleEnvelope } from "../../protocol/console-envelope.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** How many bytes the sequence led by `lead` has, and the range its second byte must be in; null for no lead byte. */
function sequenceOf(lead: number): { length: number; low: number; high: number } | null {
  if (lead >= 0xc2 && lead <= 0xdf) return { length: 2, low: 0x80, high: 0xbf };
  if (lead >= 0xe0 && lead <= 0xef) {
    return { length: 3, low: lead === 0xe0 ? 0xa0 : 0x80, high: lead === 0xed ? 0x9f : 0xbf };
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    return { length: 4, low: lead === 0xf0 ? 0x90 : 0x80, high: lead === 0xf4 ? 0x8f : 0xbf };
  }
  return null;
}

/** The greatest cut at or before `end` that splits no character; `start` when there is only the beginning of one. */
export function characterEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let back = 1; back <= 3 && end - back >= start; back++) {
    const byte = bytes[end - back]!;
    if (byte >= 0x80 && byte <= 0xbf) continue;
    const sequence = sequenceOf(byte);
    if (!sequence || sequence.length <= back) return end;
    const second = bytes[end - back + 1];
    const isWellFormed = back === 1 || (second! >= sequence.low && second! <= sequence.high);
    return isWellFormed ? end - back : end;
  }
  return end;
}

/** Index after the last line end in `[start, end)`, or `start` when there is none. */
export function lineEnd(bytes: Buffer, start: number, end: number): number {
  if (end <= start) return start;
  const at = bytes.lastIndexOf(LINE_FEED, end - 1);
  return at < start ? start : at + 1;
}

/**
 * Where the next frame ends.
 *
 * @param bytes unsent bytes, the first at `start`.
 * @param maxBytes the most a frame may hold.
 * @param acceptPartialLine whether text after the last line end may go too when it all fits.
 * @returns the cut; `start` when nothing can be sent yet.
 */
export function frameEnd(bytes: Buffer, start: number, maxBytes: number, acceptPartialLine: boolean): number {
  const windowEnd = Math.min(bytes.length, start + maxBytes);
  const isWholeRest = windowEnd === bytes.length;
  if (isWholeRest && acceptPartialLine) return characterEnd(bytes, start, windowEnd);
  const atLine = lineEnd(bytes, start, windowEnd);
  if (atLine > start) return atLine;
  // A line longer than a frame: cut between characters, and not between CR and LF.
  if (windowEnd - start < maxBytes) return start;
  const cut = characterEnd(bytes, start, windowEnd);
  return cut - start > 1 && bytes[cut - 1] === CARRIAGE_RETURN ? cut - 1 : cut;
}

/** Where text that begins at an arbitrary byte may be shown from: after the first line end, else at a character. */
export function displayStart(bytes: Buffer, searchBytes: number): number {
  const at = bytes.subarray(0, searchBytes).indexOf(LINE_FEED);
  if (at >= 0 && at + 1 < bytes.length) return at + 1;
  let start = 0;
  while (start < 3 && start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start++;
  return start;
}

export interface TextFrame {
  type: "console_output" | "install_output";
  serverId: string;
  /** Absolute offset of the first byte. */
  offset: number;
  bytes: Buffer;
  requestId: string | null;
  timestamp: number;
}

/** The frame as it goes to the hub: envelope and client frame. */
export function encodeTextFrame(frame: TextFrame): string {
  const { type, serverId, offset, bytes, requestId, timestamp } = frame;
  const data = bytes.toString("utf8");
  const payload = JSON.stringify({
    type,
    serverId,
    stream: "stdout",
    data,
    offset,
    bytes: bytes.length,
    timestamp,
  });
  return encodeConsoleEnvelope({ serverId, offset, bytes: bytes.length, requestId, payload });
}
