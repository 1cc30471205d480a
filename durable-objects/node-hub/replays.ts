/** Replays: the text before a viewer goes on live, asked for by the hub and sent by the agent, one viewer at a time. */
import type { ConsoleEnvelope } from "../../protocol/console-envelope.ts";
import { CONSOLE_FRAME_MAX_BYTES, CONSOLE_REPLAY_MAX_BYTES } from "../../protocol/limits.ts";
import type { EffectList } from "./effects.ts";
import type { SocketId } from "./socket-id.ts";
import { stateGap } from "./viewer-position.ts";
import type { Viewer } from "./viewer-state.ts";

/** A replay that was not finished by then is asked for again. */
const REPLAY_RETRY_MS = 15_000;

export class Replays {
  readonly #newId: () => string;
  readonly #running = new Map<string, Viewer>();

  /** @param newId makes ids that are unique over the hub's whole life. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Takes up the replay of a viewer as it was before the hub slept. */
  restore(viewer: Viewer): void {
    if (viewer.replayId) this.#running.set(viewer.replayId, viewer);
  }

  find(requestId: string): Viewer | null {
    return this.#running.get(requestId) ?? null;
  }

  /** Asks for everything after what the viewer holds, or for the tail when it holds nothing. */
  start(viewer: Viewer, agent: SocketId, fx: EffectList): void {
    this.drop(viewer);
    const requestId = this.#newId();
    this.#running.set(requestId, viewer);
    viewer.replayId = requestId;
    viewer.replayBudgetBytes = CONSOLE_REPLAY_MAX_BYTES + CONSOLE_FRAME_MAX_BYTES;
    viewer.replayAskedAt = fx.now;
    viewer.text = "joining";
    fx.touch(viewer);
    fx.toAgent(agent, {
      type: "console_replay",
      requestId,
      serverId: viewer.serverId,
      from: viewer.sent,
      maxBytes: CONSOLE_REPLAY_MAX_BYTES,
    });
  }

  isOverdue(viewer: Viewer, now: number): boolean {
    return viewer.text === "joining" && now - viewer.replayAskedAt > REPLAY_RETRY_MS;
  }

  /** What still comes of the viewer's replay is thrown away. */
  drop(viewer: Viewer): void {
    if (viewer.replayId) this.#running.delete(viewer.replayId);
    viewer.replayId = null;
  }

  /** False when the agent may not send this. */
  text(viewer: Viewer, envelope: ConsoleEnvelope, fx: EffectList): boolean {
    const { serverId, offset, bytes, payload } = envelope;
    viewer.replayBudgetBytes -= bytes;
    if (viewer.serverId !== serverId || viewer.replayBudgetBytes < 0) return false;
    // Text that reaches back before what the viewer holds cannot be cut here: it is left out, and stated as a gap.
    if (viewer.sent !== null && offset < viewer.sent) return true;
    if (viewer.sent !== null && offset > viewer.sent) stateGap(viewer, viewer.sent, offset, fx);
    viewer.sent = offset + bytes;
    fx.touch(viewer);
    fx.add({ kind: "send", to: [viewer.id], frame: payload });
    return true;
  }

  gap(viewer: Viewer, from: number, to: number, fx: EffectList): void {
    if (to > (viewer.sent ?? -1)) stateGap(viewer, viewer.sent ?? from, to, fx);
  }

  /** The viewer holds everything before `offset`, and goes on live there. */
  finish(viewer: Viewer, offset: number, oldest: number, fx: EffectList): void {
    if (viewer.sent !== null && viewer.sent < offset) stateGap(viewer, viewer.sent, offset, fx);
    this.drop(viewer);
    viewer.text = "live";
    viewer.sent = offset;
    viewer.joinedAt = offset;
    viewer.acked = Math.min(viewer.acked, offset);
    viewer.gaps = [];
    viewer.progressAt = fx.now;
    fx.touch(viewer);
    fx.toViewers(viewer.id, { type: "subscribed", serverId: viewer.serverId, offset, oldest });
  }
}
