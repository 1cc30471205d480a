/**
 * An append-only file of JSON lines, each with its checksum. A line is either wholly there or recognised as torn.
 *
 * Appends that come together share one flush. `append` resolves only when its line is on the disk.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { syncFolder, writeFileAtomic } from "../records/atomic-file.ts";

const CRC_CHARS = 8;

export function encodeLine(value: unknown): string {
  const body = JSON.stringify(value);
  return `${crc32(body).toString(16).padStart(CRC_CHARS, "0")} ${body}\n`;
}

function decodeLine(line: string): unknown {
  const body = line.slice(CRC_CHARS + 1);
  if (line[CRC_CHARS] !== " " || Number.parseInt(line.slice(0, CRC_CHARS), 16) !== crc32(body)) return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export interface LoadedLines {
  values: unknown[];
  /** Lines that were damaged; a torn last line, which a crash explains, is not counted. */
  damagedCount: number;
  sizeBytes: number;
}

interface Waiting {
  text: string;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class LineFile {
  readonly #file: string;
  #handle: FileHandle | null = null;
  #waiting: Waiting[] = [];
  #turn: Promise<void> = Promise.resolve();
  #sizeBytes = 0;

  constructor(file: string) {
    this.#file = file;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Reads what is whole, and cuts a torn end off so that the next line begins on its own. */
  async load(): Promise<LoadedLines> {
    let text = "";
    try {
      text = await readFile(this.#file, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").slice(0, -1);
    const values = lines.map(decodeLine);
    this.#handle = await open(this.#file, "a", 0o600);
    if (whole.length < text.length) await this.#handle.truncate(Buffer.byteLength(whole));
    await this.#handle.sync();
    await syncFolder(dirname(this.#file));
    this.#sizeBytes = Buffer.byteLength(whole);
    const good = values.filter((value) => value !== undefined);
    return { values: good, damagedCount: values.length - good.length, sizeBytes: this.#sizeBytes };
  }

  /** Resolves when the line is on the disk; rejects when it is not, and then it is not in the file either. */
  append(value: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text: encodeLine(value), resolve, reject });
      if (this.#waiting.length === 1) this.#inTurn(() => this.#flush());
    });
  }

  /** Puts `values` in the place of the whole content, in order with appends. */
  replace(values: () => Iterable<unknown>): Promise<void> {
    return this.#inTurn(async () => {
      const text = Array.from(values(), encodeLine).join("");
      await writeFileAtomic(this.#file, text);
      await this.#handle?.close();
      this.#handle = await open(this.#file, "a", 0o600);
      this.#sizeBytes = Buffer.byteLength(text);
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#handle?.close();
      this.#handle = null;
    });
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    const handle = this.#handle;
    try {
      if (!handle) throw new Error("the journal is closed");
      const bytes = Buffer.from(batch.map((entry) => entry.text).join(""));
      try {
        await handle.appendFile(bytes);
        await handle.datasync();
      } catch (error) {
        // A full disk may have taken half a line: what follows must not be glued to it.
        await handle.truncate(this.#sizeBytes).catch(() => undefined);
        throw error;
      }
      this.#sizeBytes += bytes.length;
    } catch (error) {
      for (const entry of batch) entry.reject(error);
      return;
    }
    for (const entry of batch) entry.resolve();
  }
}
