/**
 * How much disk a folder takes. Walking a game's files is slow, so the figure is kept for a while, is renewed in the
 * background, and a walk is bounded: a folder with millions of files gives what was counted until then.
 */
import type { Dirent } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";

const FRESH_MS = 30_000;
const ENTRIES_MAX = 200_000;
/** Entries looked at before other work gets a turn. */
const ENTRIES_PER_TURN = 200;
const BLOCK_BYTES = 512;

async function walk(root: string): Promise<number> {
  const folders = [root];
  let bytes = 0;
  let entries = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const listing = await opendir(folder).catch(() => null);
    if (!listing) continue;
    for await (const entry of listing as AsyncIterable<Dirent>) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      const stats = await lstat(path).catch(() => null);
      bytes += (stats?.blocks ?? 0) * BLOCK_BYTES;
      if (++entries >= ENTRIES_MAX) {
        await listing.close().catch(() => undefined);
        return bytes;
      }
      if (entries % ENTRIES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return bytes;
}

interface Figure {
  bytes: number;
  at: number;
  walking: Promise<number> | null;
}

export class DiskUsage {
  readonly #figures = new Map<string, Figure>();

  /** Bytes of blocks taken. Waits only for the first figure of a folder. */
  async of(folder: string): Promise<number> {
    const figure = this.#figures.get(folder) ?? { bytes: 0, at: Number.NEGATIVE_INFINITY, walking: null };
    this.#figures.set(folder, figure);
    const isFirst = figure.at === Number.NEGATIVE_INFINITY;
    if (performance.now() - figure.at > FRESH_MS) {
      figure.walking ??= walk(folder).then((bytes) => {
        Object.assign(figure, { bytes, at: performance.now(), walking: null });
        return bytes;
      });
    }
    return isFirst && figure.walking ? figure.walking : figure.bytes;
  }

  forget(folder: string): void {
    this.#figures.delete(folder);
  }
}
