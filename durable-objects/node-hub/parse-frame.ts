/** Turns what came over a socket into a frame, or into words about why not. Never throws. */
import type { z } from "zod";
import type { ErrorCode } from "../../protocol/errors.ts";

export type ParsedFrame<T> = { ok: true; frame: T } | { ok: false; code: ErrorCode; error: string };

/**
 * @param text the frame, or null when it was binary
 * @param maxLength limit in UTF-16 units: cheap to know, and never more than the number of bytes
 */
export function parseFrame<T>(text: string | null, maxLength: number, schema: z.ZodType<T>): ParsedFrame<T> {
  if (text === null) return { ok: false, code: "VALIDATION", error: "frames are text" };
  if (text.length > maxLength)
    return { ok: false, code: "BODY_TOO_LARGE", error: `a frame has at most ${maxLength} bytes` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: "VALIDATION", error: "the frame is not JSON" };
  }
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, frame: result.data };
  const issue = result.error.issues[0];
  const where = issue?.path.map(String).join(".").slice(0, 100);
  return {
    ok: false,
    code: "VALIDATION",
    error: `${where ? `${where}: ` : ""}${issue?.message.slice(0, 200) ?? "not a frame"}`,
  };
}
