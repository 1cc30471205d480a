import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

const LOG_MAX_BYTES = 8 * 1024 * 1024;

/**
 * @returns a function that appends lines to a file; the file and one older generation of it are kept. It never throws:
 *   a line that a full disk does not take is left out, and how many there were is said when there is room again.
 */
export function logFile(path: string): (line: string) => void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  let lost = 0;
  return (line) => {
    try {
      if (size > LOG_MAX_BYTES) {
        renameSync(path, `${path}.1`);
        size = 0;
      }
      const text = `${lost > 0 ? `(${lost} lines were lost: the disk took nothing)\n` : ""}${line}\n`;
      appendFileSync(path, text, { mode: 0o600 });
      size += Buffer.byteLength(text);
      lost = 0;
    } catch {
      lost++;
    }
  };
}
