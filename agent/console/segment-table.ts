/**
 * Which absolute offsets each file of a console folder holds. Pure.
 *
 * A file is known by its identity (inode and birth time), which a rename keeps: when `current` becomes a rotated
 * segment it stays where it was. A file never seen before is placed by the start that its name states, so that text
 * nobody saw is counted too, and in any case after all that was known: offsets never go backwards.
 */

/** A rotated segment: `@<start offset, 16 hex digits>.s`. */
const SEGMENT_NAME = /^@([0-9a-f]{16})\.s$/;

export const CURRENT_NAME = "current";

export const isSegmentName = (name: string): boolean => SEGMENT_NAME.test(name);

/** A file as found in the folder. */
export interface SegmentFile {
  name: string;
  /** Inode and birth time. */
  identity: string;
  sizeBytes: number;
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

function statedStart(name: string): number {
  const start = Number.parseInt(SEGMENT_NAME.exec(name)?.[1] ?? "0", 16);
  return Number.isSafeInteger(start) ? start : 0;
}

/**
 * Places the files of one consistent look at the folder.
 *
 * @param known what the last look found.
 * @param rotated the rotated files, in any order.
 * @param current the file being written, or null between a rotation and the next write.
 * @returns the segments in ascending order; their ranges never overlap, and a hole between two is text that is lost.
 */
export function placeSegments(
  known: KnownSegments,
  rotated: readonly SegmentFile[],
  current: SegmentFile | null,
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

  let cursor = placed.length > 0 ? segmentEnd(placed.at(-1)!) : 0;
  // The last file that was known is the one new text went to. If it is gone, so may be text that was in it.
  const newest = known.segments.at(-1);
  const isHere = (segment: Segment) =>
    current?.identity === segment.identity || rotated.some((file) => file.identity === segment.identity);
  const isBroken = !newest || !isHere(newest);
  if (isBroken) cursor = Math.max(cursor, known.latest);

  for (const file of fresh.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const start = Math.max(statedStart(file.name), cursor);
    placed.push({ name: file.name, identity: file.identity, start, sizeBytes: file.sizeBytes });
    cursor = start + file.sizeBytes;
  }

  if (current) {
    const segment = before.get(current.identity);
    // Nothing tells how much of a lost file was never seen: one byte marks the hole.
    const hole = newest && isBroken && fresh.length === 0 ? 1 : 0;
    let start = segment?.start ?? cursor + hole;
    // Emptied in place by somebody: what is in it now came after what was.
    if (segment && current.sizeBytes < segment.sizeBytes) start = segmentEnd(segment);
    placed.push({ name: CURRENT_NAME, identity: current.identity, start, sizeBytes: current.sizeBytes });
  }

  const end = placed.length > 0 ? segmentEnd(placed.at(-1)!) : 0;
  return { segments: placed, latest: Math.max(known.latest, end) };
}
