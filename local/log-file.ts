import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

const LOG_MAX_BYTES = 8 * 1024 * 1024;

/** @returns a function that appends lines to a file; the file and one older generation of it are kept. */
export function logFile(path: string): (line: string) => void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return (line) => {
    if (size > LOG_MAX_BYTES) {
      renameSync(path, `${path}.1`);
      size = 0;
    }
    const text = `${line}\n`;
    size += Buffer.byteLength(text);
    appendFileSync(path, text, { mode: 0o600 });
  };
}
