/** The arithmetic of what a viewer was sent, confirmed and owes. */
import { VIEWER_CREDIT_BYTES } from "../../protocol/limits.ts";
import type { EffectList } from "./effects.ts";
import type { Viewer } from "./viewer-state.ts";

/** Bytes of text sent and not confirmed; stated gaps and the replay it joined by do not count. */
export function owedBytes(viewer: Viewer): number {
  if (viewer.sent === null) return 0;
  const floor = Math.max(viewer.acked, viewer.joinedAt);
  let owed = viewer.sent - floor;
  for (const gap of viewer.gaps) owed -= Math.max(0, gap.to - Math.max(gap.from, floor));
  return Math.max(0, owed);
}

/** Whether `bytes` more may be under way to this viewer. */
export function hasCreditFor(viewer: Viewer, bytes: number): boolean {
  return owedBytes(viewer) + bytes <= VIEWER_CREDIT_BYTES;
}

/** The offset up to which the viewer is known to have taken everything. */
export function takenOffset(viewer: Viewer): number {
  if (viewer.sent !== null && owedBytes(viewer) === 0) return viewer.sent;
  return Math.max(viewer.acked, viewer.joinedAt);
}

export function recordSent(viewer: Viewer, end: number, now: number): void {
  if (owedBytes(viewer) === 0) viewer.progressAt = now;
  viewer.sent = end;
}

/** Tells the viewer that `[from, to)` is not sent to it. */
export function stateGap(viewer: Viewer, from: number, to: number, fx: EffectList): void {
  viewer.gaps.push({ from, to });
  viewer.sent = to;
  settle(viewer);
  fx.touch(viewer);
  fx.toViewers(viewer.id, { type: "console_gap", serverId: viewer.serverId, from, to });
}

/** Takes a confirmation; false when it says nothing new. */
export function recordAck(viewer: Viewer, offset: number, now: number): boolean {
  if (viewer.sent === null) return false;
  const confirmed = Math.min(offset, viewer.sent);
  if (confirmed <= viewer.acked) return false;
  viewer.acked = confirmed;
  viewer.progressAt = now;
  if (viewer.gaps.length > 0) viewer.gaps = viewer.gaps.filter((gap) => gap.to > confirmed);
  settle(viewer);
  return true;
}

/** Nothing owed: gaps before this point need no memory. A client confirms text, not gaps. */
function settle(viewer: Viewer): void {
  if (viewer.sent === null || viewer.gaps.length === 0 || owedBytes(viewer) > 0) return;
  viewer.joinedAt = viewer.sent;
  viewer.gaps = [];
}
