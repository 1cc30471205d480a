/**
 * One viewer of one server. It is all kept in the socket's attachment, so a hub that slept knows each viewer's position
 * exactly.
 */
import type { ViewerIdentity } from "../../protocol/hub-rpc.ts";
import type { SocketId } from "./socket-id.ts";

/**
 * - `off`: wants no text, or may not read it.
 * - `waiting`: wants text, but no agent is connected.
 * - `joining`: a replay was asked for; live text is not sent until it is done.
 * - `live`: gets text as it comes.
 * - `lagging`: did not confirm what it got; text is withheld until it has.
 */
export type TextState = "off" | "waiting" | "joining" | "live" | "lagging";

interface Span {
  from: number;
  to: number;
}

export interface Viewer {
  readonly id: SocketId;
  readonly serverId: string;
  readonly userId: string;
  readonly credentialId: string;
  readonly permissions: readonly string[];
  readonly expiresAt: number;
  /** Staff, who may look at a suspended server. */
  readonly seesSuspended: boolean;
  badFrames: number;
  text: TextState;
  /** Offset after the last byte sent to it. Null while it holds nothing: it gets the tail. */
  sent: number | null;
  /** Offset up to which it confirmed. */
  acked: number;
  /** Where its last replay ended; what lies before does not count against its credit. */
  joinedAt: number;
  /** Stated gaps it has not confirmed yet: offsets passed without bytes sent. */
  gaps: Span[];
  replayId: string | null;
  /** What the running replay may still carry. */
  replayBudgetBytes: number;
  /** When it last confirmed something, or began to owe. */
  progressAt: number;
  /** When the running replay was asked for. */
  replayAskedAt: number;
  /** Replays it may still ask for; see `takeReplayToken`. */
  replayTokens: number;
}

/** What the socket's attachment keeps: everything but the allowance of replays. */
export type ViewerAttachment = { role: "viewer"; version: 1 } & Omit<Viewer, "replayTokens">;

/** A viewer may ask for this many replays at once, and for one more each `REPLAY_TOKEN_MS`. */
const REPLAY_TOKENS_MAX = 5;
const REPLAY_TOKEN_MS = 1_000;

/** Permissions that the hub looks at; others are not kept, because an attachment has 16 KiB. */
const RELEVANT = /^(\*|console\.(read|write)|server\.(read|start|stop|restart|kill)|node\.view_stats)$/;

export function newViewer(id: SocketId, identity: ViewerIdentity, now: number): Viewer {
  return {
    id,
    serverId: identity.serverId,
    userId: identity.userId,
    credentialId: identity.credentialId,
    permissions: identity.permissions.filter((permission) => RELEVANT.test(permission)),
    expiresAt: identity.expiresAt,
    seesSuspended: identity.seesSuspended,
    badFrames: 0,
    text: "off",
    sent: identity.from,
    acked: identity.from ?? 0,
    joinedAt: identity.from ?? 0,
    gaps: [],
    replayId: null,
    replayBudgetBytes: 0,
    progressAt: now,
    replayAskedAt: now,
    replayTokens: REPLAY_TOKENS_MAX,
  };
}

export function viewerAttachment(viewer: Viewer): ViewerAttachment {
  const { replayTokens: _replayTokens, ...kept } = viewer;
  return { role: "viewer", version: 1, ...kept };
}

export function viewerFromAttachment(attachment: ViewerAttachment): Viewer {
  const { role: _role, version: _version, ...kept } = attachment;
  // One that an older version of this code wrote says nothing of it.
  return { ...kept, seesSuspended: kept.seesSuspended ?? false, replayTokens: REPLAY_TOKENS_MAX };
}

/** Whether the viewer holds a server permission; `*` is every one of them. */
export function may(viewer: Viewer, permission: string): boolean {
  return viewer.permissions.includes("*") || viewer.permissions.includes(permission);
}

/** Health of the whole node is no server permission: owning a server does not give it. */
export function maySeeHealth(viewer: Viewer): boolean {
  return viewer.permissions.includes("node.view_stats");
}

/** Whether the viewer may ask for a replay now; each costs the node a read of its disk. */
export function takeReplayToken(viewer: Viewer, now: number): boolean {
  const earned = Math.floor((now - viewer.replayAskedAt) / REPLAY_TOKEN_MS);
  const tokens = Math.min(REPLAY_TOKENS_MAX, viewer.replayTokens + Math.max(0, earned));
  if (tokens < 1) return false;
  viewer.replayTokens = tokens - 1;
  return true;
}
