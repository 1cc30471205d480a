/** Cutting text by bytes of the log it came from. Pure. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const REPLACEMENT = "\uFFFD";

function startsCharacter(byte: number | undefined): boolean {
  return byte === undefined || (byte & 0xc0) !== 0x80;
}

/**
 * The part `[start, end)` of a text, in bytes of its log.
 *
 * @param data the text as it came; bytes that are no UTF-8 read as U+FFFD, so its own length may differ from `bytes`.
 * @param bytes what it occupies in the log.
 * @returns null when the cut cannot be made exactly: the text holds U+FFFD, or a boundary splits a character.
 */
export function sliceByBytes(data: string, bytes: number, start: number, end: number): string | null {
  if (start <= 0 && end >= bytes) return data;
  if (data.includes(REPLACEMENT)) return null;
  const encoded = encoder.encode(data);
  if (encoded.length !== bytes || !startsCharacter(encoded[start]) || !startsCharacter(encoded[end])) return null;
  return decoder.decode(encoded.subarray(start, end));
}
