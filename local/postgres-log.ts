import { type FileHandle, open, readFile, stat } from "node:fs/promises";

const LOG_MAX_BYTES = 4 * 1024 * 1024;

/** What the database server writes of itself, and what of it to tell when it does not start. */
export class ServerLog {
  readonly #path: string;
  #startBytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Opens it for one run of the server; begins anew when it has grown large. */
  async open(): Promise<FileHandle> {
    const size = (await stat(this.#path).catch(() => null))?.size ?? 0;
    const isLarge = size > LOG_MAX_BYTES;
    this.#startBytes = isLarge ? 0 : size;
    return open(this.#path, isLarge ? "w" : "a", 0o600);
  }

  /** The last thing that went wrong in this run, without the advice that follows it. */
  async complaint(): Promise<string> {
    const bytes = await readFile(this.#path).catch(() => Buffer.alloc(0));
    const lines = bytes.subarray(this.#startBytes).toString("utf8").trim().split("\n");
    const faults = lines.map((line) => /\b(?:FATAL|PANIC|ERROR): +(.*)/.exec(line)?.[1]).filter(Boolean);
    return faults.at(-1) ?? (lines.at(-1) || "its log is empty");
  }
}
