import type { LogsReply } from "../../protocol/agent-replies.ts";
import { sliceByBytes } from "./text-bytes.ts";

const encoder = new TextEncoder();

/**
 * The part of a history answer to put in front of what is shown: it ends exactly at `before` and begins with a whole
 * line, unless the log begins there or the lines cannot be counted exactly in bytes.
 *
 * @returns null when the answer holds nothing that fits.
 */
export function fromFirstLine(reply: LogsReply, before: number, oldest: number): { text: string; from: number } | null {
  const bytes = reply.to - reply.from;
  const usable = Math.min(reply.to, before) - reply.from;
  if (reply.to < before || usable <= 0) return null;
  const text = sliceByBytes(reply.data, bytes, 0, usable);
  if (text === null) return null;
  const lineStart = text.indexOf("\n") + 1;
  if (reply.from <= oldest || lineStart === 0 || lineStart === text.length) return { text, from: reply.from };
  const skipped = encoder.encode(text.slice(0, lineStart)).length;
  const whole = sliceByBytes(text, usable, skipped, usable);
  return whole === null ? { text, from: reply.from } : { text: whole, from: reply.from + skipped };
}
