/**
 * Reads the two numbers of a console frame without parsing its text: with fifty viewers in one process, parsing every
 * frame would measure the client. A quote inside a JSON text is always escaped, so a key found is a key.
 */

const OFFSET_KEY = Buffer.from('"offset":');
const BYTES_KEY = Buffer.from('"bytes":');
const TYPES = [Buffer.from('"type":"console_output"'), Buffer.from('"type":"install_output"')];
/** The short fields stand before or after the text, within this many bytes of an end. */
const EDGE_BYTES = 256;

export interface ConsoleRange {
  offset: number;
  bytes: number;
}

/** The range of a frame with console text, or null for any other frame. */
export function consoleRange(frame: Buffer): ConsoleRange | null {
  const head = frame.subarray(0, EDGE_BYTES);
  const tail = frame.subarray(Math.max(0, frame.length - EDGE_BYTES));
  if (!TYPES.some((type) => head.includes(type) || tail.includes(type))) return null;
  const offset = numberAfter(tail, OFFSET_KEY) ?? numberAfter(head, OFFSET_KEY);
  const bytes = numberAfter(tail, BYTES_KEY) ?? numberAfter(head, BYTES_KEY);
  return offset === null || bytes === null ? null : { offset, bytes };
}

function numberAfter(part: Buffer, key: Buffer): number | null {
  const at = part.indexOf(key);
  if (at < 0) return null;
  let value = 0;
  let digits = 0;
  for (let i = at + key.length; i < part.length; i++, digits++) {
    const digit = part[i]! - 48;
    if (digit < 0 || digit > 9) return digits === 0 ? null : value;
    value = value * 10 + digit;
  }
  return null;
}
