/** Between the bytes of a configuration file and text, so that what is not edited stays byte for byte. Pure. */

const BOM = "\uFEFF";
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface ConfigText {
  text: string;
  /** The bytes of an edited text, in the file's own encoding. @throws Error when that cannot say it. */
  encode(text: string): Buffer;
}

/** UTF-8, with or without its mark; else each byte is a character of Latin-1, as old games write. */
export function decodeConfig(bytes: Buffer): ConfigText {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    return { text: bytes.toString("latin1"), encode: encodeLatin1 };
  }
  if (!text.startsWith(BOM)) return { text, encode: (edited) => Buffer.from(edited) };
  return { text: text.slice(1), encode: (edited) => Buffer.from(BOM + edited) };
}

function encodeLatin1(text: string): Buffer {
  if (/[^\u0000-\u00ff]/.test(text)) throw new Error("it is not UTF-8, and a value has characters that it cannot hold");
  return Buffer.from(text, "latin1");
}

/** The line end that a text uses: that of its first line. */
export const lineEndOf = (text: string): string => (/^[^\n]*\r\n/.test(text) ? "\r\n" : "\n");

/** Lines, each with its own end; the last may have none. */
export const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

/** A line without its end, and the end. */
export function splitEnd(line: string): [body: string, end: string] {
  const end = /\r?\n$/.exec(line)?.[0] ?? "";
  return [line.slice(0, line.length - end.length), end];
}

/** A value that holds a line end would be more than a value. */
export const oneLine = (value: string): string => value.replace(/[\r\n]+/g, " ");
