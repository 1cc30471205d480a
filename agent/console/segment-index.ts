/**
 * The durable side of a console's segment table: one small JSON file with a checksum, replaced atomically.
 *
 * Losing or tearing it is no disaster: the files that are there are counted again from what their names state.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { KnownSegments, Segment } from "./segment-table.ts";

const NOTHING: KnownSegments = { segments: [], latest: 0 };

const checksum = (body: string) => createHash("sha256").update(body).digest("hex").slice(0, 16);

function isSegment(value: unknown): value is Segment {
  const segment = value as Segment;
  return (
    typeof segment?.name === "string" &&
    typeof segment.identity === "string" &&
    Number.isSafeInteger(segment.start) &&
    Number.isSafeInteger(segment.sizeBytes)
  );
}

/** Reads the index; a missing, torn or foreign file counts as none. */
export function readSegmentIndex(file: string): KnownSegments {
  try {
    const text = readFileSync(file, "utf8");
    const lineEnd = text.indexOf("\n");
    const body = text.slice(lineEnd + 1);
    if (text.slice(0, lineEnd) !== checksum(body)) return NOTHING;
    const known = JSON.parse(body) as KnownSegments;
    if (!Number.isSafeInteger(known.latest) || !known.segments.every(isSegment)) return NOTHING;
    return known;
  } catch {
    return NOTHING;
  }
}

/** Writes the index one write at a time; of several asked for meanwhile only the newest is written. */
export class SegmentIndexWriter {
  readonly #file: string;
  #next: KnownSegments | null = null;
  #writing: Promise<void> | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  write(known: KnownSegments): void {
    this.#next = known;
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null;
    });
  }

  /** Resolves when all that was asked for is on disk, or could not be written. */
  async flushed(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#next) {
      const body = JSON.stringify(this.#next);
      this.#next = null;
      try {
        await this.#replace(`${checksum(body)}\n${body}`);
      } catch {
        // A full disk: the next rotation tries again, and until then names and the old index still tell the offsets.
      }
    }
  }

  async #replace(text: string): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    const temporary = `${this.#file}.new`;
    const handle = await open(temporary, "w", 0o600);
    try {
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#file);
  }
}
