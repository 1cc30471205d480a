/** A `ConsoleLog` over the folder that a console logger writes: `current` and rotated segments. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  read as readCallback,
  readdirSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ConsoleChunk, ConsoleLog } from "./console-log.ts";
import { GrowthWatch } from "./growth-watch.ts";
import { readSegmentIndex, SegmentIndexWriter } from "./segment-index.ts";
import {
  CURRENT_NAME,
  isSegmentName,
  type KnownSegments,
  placeSegments,
  type Segment,
  type SegmentFile,
  segmentEnd,
} from "./segment-table.ts";

const readInto = promisify(readCallback);

/** Looks at a folder that keeps rotating under them before the last look is taken as it is. */
const LOOKS_MAX = 50;
const NO_BYTES = Buffer.alloc(0);

const identityOf = (stats: BigIntStats) => `${stats.ino}:${stats.birthtimeNs}`;

function missingIsNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

export class SegmentLog implements ConsoleLog {
  readonly #folder: string;
  readonly #watch: GrowthWatch;
  readonly #index: SegmentIndexWriter;
  #known: KnownSegments;
  /** Rotated files never change: looked at once. */
  #rotated = new Map<string, SegmentFile>();
  #open: { identity: string; fd: number } | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /**
   * @param folder where the logger writes; it may not exist yet.
   * @param indexFile where this log's durable index is kept, outside `folder`.
   */
  constructor(folder: string, indexFile: string) {
    this.#folder = folder;
    this.#watch = new GrowthWatch(folder);
    this.#index = new SegmentIndexWriter(indexFile);
    this.#known = readSegmentIndex(indexFile);
  }

  async bounds(): Promise<{ oldest: number; latest: number }> {
    return this.#inTurn(async () => {
      this.#look();
      return { oldest: this.#known.segments[0]?.start ?? this.#known.latest, latest: this.#known.latest };
    });
  }

  read(from: number, maxBytes: number): Promise<ConsoleChunk> {
    return this.#inTurn(() => this.#read(from, maxBytes));
  }

  follow(onGrowth: () => void): () => void {
    const stop = this.#watch.add(onGrowth);
    return () => {
      stop();
      if (!this.#watch.isActive) void this.#inTurn(async () => this.#rest());
    };
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await this.#inTurn(async () => this.#rest());
    this.#isClosed = true;
    await this.#index.flushed();
  }

  /** One operation at a time, so that no descriptor is closed under a read. */
  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(operation);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Nobody follows any more: keep nothing open, and remember how far the log was. */
  #rest(): void {
    this.#closeFile();
    if (!this.#isClosed && this.#known.segments.length > 0) this.#index.write(this.#known);
  }

  async #read(from: number, maxBytes: number): Promise<ConsoleChunk> {
    try {
      for (let look = 0; look < LOOKS_MAX; look++) {
        const segment = this.#segmentAt(from);
        if (segment) {
          const chunk = await this.#readSegment(segment, Math.max(from, segment.start), maxBytes);
          if (chunk && chunk.bytes.length > 0) return chunk;
          if (!chunk) this.#lookAtAll();
        }
        // Nothing there any more, or nothing yet: only a new look can tell.
        const latestBefore = this.#known.latest;
        const changed = this.#look();
        if (!changed && from >= latestBefore && this.#known.latest === latestBefore) break;
      }
      return { offset: Math.max(from, 0), bytes: NO_BYTES };
    } finally {
      if (!this.#watch.isActive) this.#closeFile();
    }
  }

  /** The segment that holds `from`, or the next one after it; the last one also for text it may have got since. */
  #segmentAt(from: number): Segment | null {
    const { segments } = this.#known;
    const found = segments.find((segment) => segmentEnd(segment) > from);
    if (found) return found;
    const last = segments.at(-1);
    return last && from >= last.start ? last : null;
  }

  /** Null when the file is not what the table says any more. */
  async #readSegment(segment: Segment, from: number, maxBytes: number): Promise<ConsoleChunk | null> {
    const fd = this.#openFile(segment);
    if (fd === null) return null;
    const wanted = Math.min(maxBytes, fstatSync(fd).size - (from - segment.start));
    if (wanted <= 0) return { offset: from, bytes: NO_BYTES };
    const buffer = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await readInto(fd, buffer, 0, wanted, from - segment.start);
    return { offset: from, bytes: buffer.subarray(0, bytesRead) };
  }

  /** A descriptor of exactly this segment's file: the name may have passed to another meanwhile. */
  #openFile(segment: Segment): number | null {
    if (this.#open?.identity === segment.identity) return this.#open.fd;
    this.#closeFile();
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
    const fd = missingIsNull(() => openSync(join(this.#folder, segment.name), flags));
    if (fd === null || identityOf(fstatSync(fd, { bigint: true })) !== segment.identity) {
      if (fd !== null) closeSync(fd);
      this.#rotated.delete(segment.name);
      return null;
    }
    this.#open = { identity: segment.identity, fd };
    return fd;
  }

  #closeFile(): void {
    if (this.#open) closeSync(this.#open.fd);
    this.#open = null;
  }

  #names(): string[] {
    return (missingIsNull(() => readdirSync(this.#folder)) ?? []).filter(isSegmentName).sort();
  }

  #file(name: string): SegmentFile | null {
    const stats = lstatSync(join(this.#folder, name), { bigint: true, throwIfNoEntry: false });
    if (!stats?.isFile()) return null;
    return { name, identity: identityOf(stats), sizeBytes: Number(stats.size) };
  }

  /**
   * Looks at the folder. A rotation gives it a new name before `current` is made anew, so when the same names
   * are there before and after `current` was looked at, that is the `current` that follows all of them.
   *
   * @returns whether anything is different from the last look.
   */
  #look(): boolean {
    return this.#hasOnlyGrown() ?? this.#lookAtAll();
  }

  /**
   * The cheap and frequent case, the newest and the oldest file are still the same: whether `current` has grown; null
   * when more has changed. A logger on a full disk deletes its oldest segment without a rotation.
   */
  #hasOnlyGrown(): boolean | null {
    const last = this.#known.segments.at(-1);
    const first = this.#known.segments[0];
    if (first && this.#file(first.name)?.identity !== first.identity) return null;
    const current = this.#file(CURRENT_NAME);
    const isSame = last?.name === CURRENT_NAME && current?.identity === last.identity;
    if (!isSame || current.sizeBytes < last.sizeBytes) return null;
    if (current.sizeBytes === last.sizeBytes) return false;
    const grown = { ...last, sizeBytes: current.sizeBytes };
    this.#known = { segments: [...this.#known.segments.slice(0, -1), grown], latest: segmentEnd(grown) };
    return true;
  }

  #lookAtAll(): boolean {
    for (let look = 1; ; look++) {
      const names = this.#names();
      const rotated = names.map((name) => this.#rotated.get(name) ?? this.#file(name));
      const current = this.#file(CURRENT_NAME);
      const files = rotated.filter((file) => file !== null);
      // A renaming seen half way shows a file under two names.
      const identities = new Set([...files, ...(current ? [current] : [])].map((file) => file.identity));
      const isWhole = files.length === names.length && identities.size === files.length + (current ? 1 : 0);
      const isSteady = isWhole && this.#names().join() === names.join();
      if (!isSteady && look < LOOKS_MAX) continue;
      this.#rotated = new Map(files.map((file) => [file.name, file]));
      return this.#take(placeSegments(this.#known, files, current));
    }
  }

  #take(next: KnownSegments): boolean {
    const before = this.#known.segments;
    const hasMoved =
      next.segments.length !== before.length ||
      next.segments.some(
        (segment, i) =>
          segment.identity !== before[i]!.identity ||
          segment.start !== before[i]!.start ||
          segment.name !== before[i]!.name,
      );
    const hasGrown = next.latest !== this.#known.latest;
    this.#known = next;
    if (hasMoved) this.#index.write(next);
    return hasMoved || hasGrown;
  }
}
