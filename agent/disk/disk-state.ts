/** How full a server's disk is, in three words that do not flap. Pure. */
import type { DiskState } from "../../protocol/frames/shared.ts";

/** From this share of the limit on a disk is nearly full; it is ok again below the other. */
const NEARLY_FULL_SHARE = 0.9;
const OK_AGAIN_SHARE = 0.85;
/** A file system that takes no more has some blocks left that nobody can use. */
const FULL_SHARE = 0.995;
const ROOM_AGAIN_SHARE = 0.98;

/** @param share of the limit that is used, 1 for all of it. */
export function nextDiskState(before: DiskState, share: number): DiskState {
  if (share >= FULL_SHARE || (before === "full" && share >= ROOM_AGAIN_SHARE)) return "full";
  if (share >= NEARLY_FULL_SHARE || (before !== "ok" && share >= OK_AGAIN_SHARE)) return "nearly_full";
  return "ok";
}

const MB = 1024 * 1024;

/** What the console says of a change; null when there is nothing worth saying. */
export function diskStateWords(
  before: DiskState,
  after: DiskState,
  { usedBytes, limitBytes, kind }: { usedBytes: number; limitBytes: number; kind: "hard" | "soft" },
): string | null {
  if (before === after) return null;
  const use = `${Math.round(usedBytes / MB)} of ${Math.round(limitBytes / MB)} MiB are used`;
  if (after === "ok") return `There is room on this server's disk again: ${use}.`;
  if (after === "nearly_full") {
    return before === "ok"
      ? `This server's disk is nearly full: ${use}.`
      : `This server's disk takes files again: ${use}.`;
  }
  return kind === "hard"
    ? `This server's disk is full: ${use}. Nothing more can be written until files are deleted or the limit is raised.`
    : `This server uses more disk than it may: ${use}. It cannot be started again until files are deleted or the limit is raised.`;
}
