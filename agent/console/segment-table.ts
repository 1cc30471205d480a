/**
 * Which absolute offsets each file of a console folder holds. Pure.
 *
 * A file is known by its identity (inode and birth time), which a rename keeps: when `current` becomes a rotated
 * segment it stays where it was. A file never seen before follows what was known, in the order of its name; the name
 * of a segment made by Catalyst's own logger also states its start, so that even text nobody saw is counted.
 */

/** Rotated by Catalyst's logger: `@<start offset, 16 hex digits>.s`. */
const OFFSET_NAME = /^@([0-9a-f]{16})\.s$/;
/** Rotated by s6-log or svlogd: `@<TAI64N label>.s`, `.u` when the logger was ended before its time. */
const LABEL_NAME = /^@[0-9a-f]{24}\.[su]$/;

export const CURRENT_NAME = "current";
/** What s6-log calls a segment between `current` and its label. Sorts after every label. */
export const PREVIOUS_NAME = "previous";

export function isSegmentName(name: string): boolean {
  return OFFSET_NAME.test(name) || LABEL_NAME.test(name) || name === PREVIOUS_NAME;
}

/** A file as found in the folder. */
export interface SegmentFile {
  name: string;
  /** Inode and birth time. */
  identity: string;
  sizeBytes: number;
  modifiedMs: number;
}

/** A file with its place in the log. */
export interface Segment {
  name: string;
  identity: string;
  /** Absolute offset of the first byte. */
  start: number;
  sizeBytes: number;
}

/** What is remembered of earlier looks. */
export interface KnownSegments {
  segments: readonly Segment[];
  /** Never goes backwards. */
  latest: number;
}

export const segmentEnd = (segment: Segment): number => segment.start + segment.sizeBytes;

function statedStart(name: string): number | null {
  const match = OFFSET_NAME.exec(name);
  if (!match) return null;
  const start = Number.parseInt(match[1]!, 16);
  return Number.isSafeInteger(start) ? start : null;
}

function inOrderOfWriting(files: SegmentFile[]): SegmentFile[] {
  const byName = (a: SegmentFile, b: SegmentFile) => (a.name < b.name ? -1 : 1);
  const namesAgree = files.every((file) => statedStart(file.name) !== null) || files.every(hasLabel);
  return files.sort(namesAgree ? byName : (a, b) => a.modifiedMs - b.modifiedMs || byName(a, b));
}

const hasLabel = (file: SegmentFile) => LABEL_NAME.test(file.name) || file.name === PREVIOUS_NAME;

/**
 * Places the files of one consistent look at the folder.
 *
 * @param known what the last look found.
 * @param rotated the rotated files, in any order.
 * @param current the file being written, or null between a rotation and the next write.
 * @param statedBase start of `current` as its writer stated it, or null.
 * @returns the segments in ascending order; their ranges never overlap, and a hole between two is text that is lost.
 */
export function placeSegments(
  known: KnownSegments,
  rotated: readonly SegmentFile[],
  current: SegmentFile | null,
  statedBase: number | null,
): KnownSegments {
  const before = new Map(known.segments.map((segment) => [segment.identity, segment]));
  const placed: Segment[] = [];
  const fresh: SegmentFile[] = [];
  for (const file of rotated) {
    const segment = before.get(file.identity);
    if (segment)
      placed.push({ name: file.name, identity: file.identity, start: segment.start, sizeBytes: file.sizeBytes });
    else fresh.push(file);
  }
  placed.sort((a, b) => a.start - b.start);

  // The last file that was known is the one new text went to. If it is gone, its unseen rest is lost, and how much
  // that was only a stated start can tell; without one a single byte marks the hole.
  const newest = known.segments.at(-1);
  const isHere = (segment: Segment) =>
    current?.identity === segment.identity || rotated.some((file) => file.identity === segment.identity);
  let hole = newest && !isHere(newest) ? 1 : 0;
  let cursor = Math.max(placed.length > 0 ? segmentEnd(placed.at(-1)!) : 0, newest && !hole ? 0 : known.latest);

  for (const file of inOrderOfWriting(fresh)) {
    const stated = statedStart(file.name);
    const start = stated === null ? cursor + hole : Math.max(stated, cursor);
    placed.push({ name: file.name, identity: file.identity, start, sizeBytes: file.sizeBytes });
    cursor = start + file.sizeBytes;
    hole = 0;
  }

  if (current) {
    const segment = before.get(current.identity);
    let start = Math.max(segment?.start ?? cursor + hole, statedBase ?? 0);
    // Emptied in place by somebody who states no base: what is in it now came after what was.
    if (segment && start === segment.start && current.sizeBytes < segment.sizeBytes) start = segmentEnd(segment);
    placed.push({ name: CURRENT_NAME, identity: current.identity, start, sizeBytes: current.sizeBytes });
  }

  const end = placed.length > 0 ? segmentEnd(placed.at(-1)!) : 0;
  return { segments: placed, latest: Math.max(known.latest, end) };
}
