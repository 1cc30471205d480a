/** The live stream of one server's console, as the hub sees it. */
import { VIEWER_ACK_BYTES } from "../../protocol/limits.ts";
import { owedBytes, takenOffset } from "./viewer-position.ts";
import type { Viewer } from "./viewer-state.ts";

/** A viewer that owes and confirmed nothing for this long is not waited for: it may fall behind alone. */
export const SLOW_VIEWER_MS = 500;

export interface Channel {
  /** Everybody who looks at the server, whether or not they read its console. */
  readonly viewers: Set<Viewer>;
  /** Offset after the last live text that came from the agent; null when not known. */
  live: number | null;
  /** Offset last credited to the agent. */
  credited: number | null;
  /** After its last reader left, the stream stays open until then. */
  lingerUntil: number;
}

export function newChannel(): Channel {
  return { viewers: new Set(), live: null, credited: null, lingerUntil: 0 };
}

export function hasReaders(channel: Channel): boolean {
  for (const viewer of channel.viewers) if (viewer.text !== "off") return true;
  return false;
}

/** Positions of a stream that ended, or was opened anew, mean nothing any more. */
export function forgetPosition(channel: Channel): void {
  channel.live = null;
  channel.credited = null;
}

/**
 * The offset to credit to the agent now: as far as the slowest viewer that is worth waiting for has confirmed. Null
 * when nobody is, or when it is too little progress for a frame. When everything is confirmed that is said however
 * little it is, so that the next burst finds the agent with all of its credit.
 */
export function creditDue(channel: Channel, now: number): number | null {
  let slowest = Number.POSITIVE_INFINITY;
  for (const viewer of channel.viewers) {
    if (viewer.text !== "live") continue;
    const isSlow = now - viewer.progressAt > SLOW_VIEWER_MS && owedBytes(viewer) > 0;
    if (!isSlow) slowest = Math.min(slowest, takenOffset(viewer));
  }
  if (slowest === Number.POSITIVE_INFINITY) return null;
  const progressBytes = channel.credited === null ? VIEWER_ACK_BYTES : slowest - channel.credited;
  const isWorthwhile = progressBytes >= VIEWER_ACK_BYTES || (progressBytes > 0 && slowest === channel.live);
  return isWorthwhile ? slowest : null;
}
