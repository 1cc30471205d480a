/**
 * Console text from one agent to every viewer, by arithmetic on byte offsets.
 *
 * For each viewer these hold, whatever comes, goes or sleeps:
 * - the text it gets is in order, never twice, and every hole in it is stated as a `console_gap`;
 * - live text starts exactly where its replay ended, because the socket to the agent keeps order;
 * - one that does not confirm what it got is sent nothing more, and costs the others nothing.
 */
import { CLOSE } from "../../protocol/close-codes.ts";
import type { ConsoleEnvelope } from "../../protocol/console-envelope.ts";
import {
  CONSOLE_FRAME_MAX_BYTES,
  CONSOLE_LINGER_MS,
  CONSOLE_REPLAY_MAX_BYTES,
  VIEWER_ACK_BYTES,
  VIEWER_STALL_MS,
} from "../../protocol/limits.ts";
import type { EffectList } from "./effects.ts";
import type { SocketId } from "./socket-id.ts";
import { hasCreditFor, may, owedBytes, recordAck, recordGap, recordSent, takenOffset, type Viewer } from "./viewer.ts";

/** A viewer that owes and confirmed nothing for this long is not waited for: it may fall behind alone. */
export const SLOW_VIEWER_MS = 500;
/** A replay that was not finished by then is asked for again. */
const REPLAY_RETRY_MS = 15_000;
/** Gaps that a viewer may have unconfirmed before it counts as lagging. */
const GAPS_MAX = 16;
/** An agent that streams what nobody watches is told so at most this often for each server. */
const STRAY_NOTICE_MS = 1_000;
const STRAYS_MAX = 1_000;

export const STALL_ALARM = "stall";
export const LINGER_ALARM = "linger:";

interface Channel {
  readonly viewers: Set<Viewer>;
  /** Offset after the last live text that came from the agent; null when not known. */
  live: number | null;
  /** Offset last credited to the agent. */
  credited: number | null;
  /** After its last reader left, the stream stays open until then. */
  lingerUntil: number;
}

export interface FanoutPorts {
  /** A new id for a replay, unique over the hub's life. */
  newId(): string;
  /** Ends a viewer's socket; must call `remove`. */
  end(viewer: Viewer, code: number, reason: string, reconnectAfterMs: number, fx: EffectList): void;
  /** The viewer changed: its attachment must be written. */
  touch(viewer: Viewer): void;
}

export class ConsoleFanout {
  /** The agent to ask for text; null while none is ready. */
  agent: SocketId | null = null;
  readonly #ports: FanoutPorts;
  readonly #channels = new Map<string, Channel>();
  readonly #replays = new Map<string, Viewer>();
  readonly #strays = new Map<string, number>();

  constructor(ports: FanoutPorts) {
    this.#ports = ports;
  }

  /** Servers that somebody looks at. */
  watchedServers(): string[] {
    return [...this.#channels].filter(([, channel]) => channel.viewers.size > 0).map(([serverId]) => serverId);
  }

  viewersOf(serverId: string): ReadonlySet<Viewer> {
    return this.#channels.get(serverId)?.viewers ?? new Set();
  }

  /** Takes up a viewer as it was before the hub slept. */
  restore(viewer: Viewer): void {
    const channel = this.#channel(viewer.serverId);
    channel.viewers.add(viewer);
    if (viewer.replayId) this.#replays.set(viewer.replayId, viewer);
    // Every live viewer's position is the stream's own.
    if (viewer.text === "live" && viewer.sent !== null) channel.live = Math.max(channel.live ?? 0, viewer.sent);
  }

  add(viewer: Viewer, fx: EffectList): void {
    this.#channel(viewer.serverId).viewers.add(viewer);
    if (may(viewer, "console.read")) this.#join(viewer, fx);
  }

  remove(viewer: Viewer, fx: EffectList): void {
    const channel = this.#channels.get(viewer.serverId);
    if (!channel?.viewers.delete(viewer)) return;
    this.#dropReplay(viewer);
    const wasReader = viewer.text !== "off";
    viewer.text = "off";
    if (wasReader) this.#readerLeft(viewer.serverId, channel, fx);
    else if (channel.viewers.size === 0 && channel.lingerUntil === 0) this.#channels.delete(viewer.serverId);
  }

  /** `from` is the offset after the last byte the viewer holds, or null for the tail. */
  subscribe(viewer: Viewer, from: number | null, fx: EffectList): void {
    viewer.sent = from;
    viewer.acked = from ?? 0;
    viewer.joinedAt = from ?? 0;
    viewer.gaps = [];
    this.#join(viewer, fx);
  }

  unsubscribe(viewer: Viewer, fx: EffectList): void {
    if (viewer.text === "off") return;
    this.#dropReplay(viewer);
    viewer.text = "off";
    this.#ports.touch(viewer);
    this.#readerLeft(viewer.serverId, this.#channel(viewer.serverId), fx);
  }

  /** An agent is ready: streams are opened anew and every reader is brought up to date from its own position. */
  agentReady(agent: SocketId, fx: EffectList): void {
    this.agent = agent;
    for (const [serverId, channel] of this.#channels) {
      channel.live = null;
      channel.credited = null;
      const readers = [...channel.viewers].filter((viewer) => viewer.text !== "off");
      if (readers.length === 0) continue;
      fx.toAgent(agent, { type: "console_open", serverId });
      // One that owes too much already is brought up to date when it has confirmed what it got.
      for (const viewer of readers) if (viewer.text !== "lagging") this.#startReplay(viewer, fx);
    }
  }

  agentLost(): void {
    this.agent = null;
    for (const channel of this.#channels.values()) {
      channel.live = null;
      channel.credited = null;
      for (const viewer of channel.viewers) {
        if (viewer.text !== "live" && viewer.text !== "joining") continue;
        this.#dropReplay(viewer);
        viewer.text = "waiting";
        this.#ports.touch(viewer);
      }
    }
  }

  /** Text from the agent. False when the agent may not send it. */
  text(envelope: ConsoleEnvelope, fx: EffectList): boolean {
    if (envelope.bytes > CONSOLE_FRAME_MAX_BYTES) return false;
    if (envelope.requestId !== null) return this.#replayText(envelope.requestId, envelope, fx);
    const channel = this.#channels.get(envelope.serverId);
    if (!channel || !hasReaders(channel)) {
      this.#strayText(envelope.serverId, channel, fx);
      return true;
    }
    const { offset, bytes } = envelope;
    channel.live = offset + bytes;
    channel.credited ??= offset;
    const recipients: SocketId[] = [];
    for (const viewer of channel.viewers) {
      if (this.#isExpired(viewer, fx)) continue;
      if (viewer.text === "live" && this.#takesLive(viewer, offset, bytes, fx)) recipients.push(viewer.id);
      else if (viewer.text === "lagging") this.#checkStall(viewer, fx);
      else if (viewer.text === "joining" && fx.now - viewer.replayAskedAt > REPLAY_RETRY_MS)
        this.#startReplay(viewer, fx);
    }
    if (recipients.length > 0) fx.add({ kind: "send", to: recipients, frame: envelope.payload });
    return true;
  }

  /** A gap that the agent states: in the live stream, or in the replay `requestId`. */
  gap(serverId: string, from: number, to: number, requestId: string | undefined, fx: EffectList): boolean {
    if (to < from) return false;
    if (requestId !== undefined) {
      const viewer = this.#replays.get(requestId);
      if (!viewer) return true;
      if (viewer.serverId !== serverId) return false;
      if (to > (viewer.sent ?? -1)) this.#stateGap(viewer, viewer.sent ?? from, to, fx);
      return true;
    }
    const channel = this.#channels.get(serverId);
    if (!channel) return true;
    channel.live = to;
    for (const viewer of channel.viewers) {
      if (viewer.text !== "live" || viewer.sent === null || to <= viewer.sent) continue;
      if (viewer.gaps.length >= GAPS_MAX) this.#fallBehind(viewer, fx);
      else this.#stateGap(viewer, viewer.sent, to, fx);
    }
    return true;
  }

  /** The agent finished a replay; live text goes on at `offset`. */
  replayDone(serverId: string, requestId: string, offset: number, oldest: number, fx: EffectList): boolean {
    const viewer = this.#replays.get(requestId);
    if (!viewer) return true;
    if (viewer.serverId !== serverId) return false;
    if (viewer.sent !== null && viewer.sent < offset) this.#stateGap(viewer, viewer.sent, offset, fx);
    this.#dropReplay(viewer);
    viewer.text = "live";
    viewer.sent = offset;
    viewer.joinedAt = offset;
    viewer.acked = Math.min(viewer.acked, offset);
    viewer.gaps = [];
    viewer.progressAt = fx.now;
    this.#ports.touch(viewer);
    const channel = this.#channel(serverId);
    channel.live ??= offset;
    channel.credited ??= offset;
    fx.toViewers(viewer.id, { type: "subscribed", serverId, offset, oldest });
    return true;
  }

  /** The viewer confirms everything before `offset`. */
  ack(viewer: Viewer, offset: number, fx: EffectList): void {
    if (!recordAck(viewer, offset, fx.now)) return;
    this.#ports.touch(viewer);
    const channel = this.#channel(viewer.serverId);
    if (viewer.text === "lagging" && owedBytes(viewer) === 0) this.#catchUp(viewer, channel, fx);
    if (viewer.text === "live") this.#creditAgent(viewer.serverId, channel, fx);
  }

  /** Alarm: ends viewers that confirm nothing while text waits for them, and asks to be called for the next one. */
  checkStalls(fx: EffectList): void {
    for (const channel of this.#channels.values())
      for (const viewer of channel.viewers) if (viewer.text === "lagging") this.#checkStall(viewer, fx);
  }

  /** Alarm: closes the stream of a server that nobody reads any more. */
  lingerEnded(serverId: string, fx: EffectList): void {
    const channel = this.#channels.get(serverId);
    if (channel && hasReaders(channel)) return;
    if (channel && channel.lingerUntil > fx.now) {
      fx.add({ kind: "alarm", name: LINGER_ALARM + serverId, dueAtMs: channel.lingerUntil });
      return;
    }
    if (this.agent) fx.toAgent(this.agent, { type: "console_close", serverId });
    if (!channel) return;
    channel.lingerUntil = 0;
    channel.live = null;
    channel.credited = null;
    if (channel.viewers.size === 0) this.#channels.delete(serverId);
  }

  #channel(serverId: string): Channel {
    let channel = this.#channels.get(serverId);
    if (!channel) {
      channel = { viewers: new Set(), live: null, credited: null, lingerUntil: 0 };
      this.#channels.set(serverId, channel);
    }
    return channel;
  }

  #join(viewer: Viewer, fx: EffectList): void {
    const channel = this.#channel(viewer.serverId);
    const isFirst = !hasReaders(channel);
    channel.lingerUntil = 0;
    viewer.text = "waiting";
    this.#ports.touch(viewer);
    if (!this.agent) return;
    if (isFirst) {
      channel.live = null;
      channel.credited = null;
      fx.toAgent(this.agent, { type: "console_open", serverId: viewer.serverId });
    }
    this.#startReplay(viewer, fx);
  }

  #startReplay(viewer: Viewer, fx: EffectList): void {
    this.#dropReplay(viewer);
    if (!this.agent) {
      viewer.text = "waiting";
      return;
    }
    const requestId = this.#ports.newId();
    this.#replays.set(requestId, viewer);
    viewer.replayId = requestId;
    viewer.replayBudgetBytes = CONSOLE_REPLAY_MAX_BYTES + CONSOLE_FRAME_MAX_BYTES;
    viewer.replayAskedAt = fx.now;
    viewer.text = "joining";
    this.#ports.touch(viewer);
    fx.toAgent(this.agent, {
      type: "console_replay",
      requestId,
      serverId: viewer.serverId,
      from: viewer.sent,
      maxBytes: CONSOLE_REPLAY_MAX_BYTES,
    });
  }

  #dropReplay(viewer: Viewer): void {
    if (viewer.replayId) this.#replays.delete(viewer.replayId);
    viewer.replayId = null;
  }

  #replayText(requestId: string, envelope: ConsoleEnvelope, fx: EffectList): boolean {
    const viewer = this.#replays.get(requestId);
    if (!viewer) return true;
    const { offset, bytes } = envelope;
    viewer.replayBudgetBytes -= bytes;
    if (viewer.serverId !== envelope.serverId || viewer.replayBudgetBytes < 0) return false;
    if (this.#isExpired(viewer, fx)) return true;
    // Text that reaches back before what the viewer holds cannot be cut here: it is left out, and stated as a gap.
    if (viewer.sent !== null && offset < viewer.sent) return true;
    if (viewer.sent !== null && offset > viewer.sent) this.#stateGap(viewer, viewer.sent, offset, fx);
    viewer.sent = offset + bytes;
    this.#ports.touch(viewer);
    fx.add({ kind: "send", to: [viewer.id], frame: envelope.payload });
    return true;
  }

  /** Whether live text goes to this viewer now; accounts for it when it does. */
  #takesLive(viewer: Viewer, offset: number, bytes: number, fx: EffectList): boolean {
    const sent = viewer.sent ?? offset;
    if (offset + bytes <= sent) return false;
    if (offset < sent) {
      this.#startReplay(viewer, fx);
      return false;
    }
    if (!hasCreditFor(viewer, bytes)) {
      this.#fallBehind(viewer, fx);
      return false;
    }
    if (offset > sent) this.#stateGap(viewer, sent, offset, fx);
    recordSent(viewer, offset + bytes, fx.now);
    this.#ports.touch(viewer);
    return true;
  }

  #fallBehind(viewer: Viewer, fx: EffectList): void {
    viewer.text = "lagging";
    this.#ports.touch(viewer);
    fx.add({ kind: "alarm", name: STALL_ALARM, dueAtMs: viewer.progressAt + VIEWER_STALL_MS });
  }

  /** A lagging viewer has confirmed all it got: it goes on at the live position, and what it missed is stated. */
  #catchUp(viewer: Viewer, channel: Channel, fx: EffectList): void {
    if (!this.agent) {
      viewer.text = "waiting";
      return;
    }
    if (channel.live === null) {
      this.#startReplay(viewer, fx);
      return;
    }
    viewer.gaps = [];
    if (viewer.sent !== null && viewer.sent < channel.live) this.#stateGap(viewer, viewer.sent, channel.live, fx);
    viewer.gaps = [];
    viewer.acked = channel.live;
    viewer.joinedAt = channel.live;
    viewer.text = "live";
  }

  #stateGap(viewer: Viewer, from: number, to: number, fx: EffectList): void {
    recordGap(viewer, from, to);
    this.#ports.touch(viewer);
    fx.toViewers(viewer.id, { type: "console_gap", serverId: viewer.serverId, from, to });
  }

  /** Lets the agent go on as far as the slowest viewer that is worth waiting for has confirmed. */
  #creditAgent(serverId: string, channel: Channel, fx: EffectList): void {
    if (!this.agent) return;
    let slowest = Number.POSITIVE_INFINITY;
    for (const viewer of channel.viewers) {
      if (viewer.text !== "live") continue;
      const isSlow = fx.now - viewer.progressAt > SLOW_VIEWER_MS && owedBytes(viewer) > 0;
      if (!isSlow) slowest = Math.min(slowest, takenOffset(viewer));
    }
    if (slowest === Number.POSITIVE_INFINITY) return;
    if (channel.credited !== null && slowest - channel.credited < VIEWER_ACK_BYTES) return;
    channel.credited = slowest;
    fx.toAgent(this.agent, { type: "console_credit", serverId, offset: slowest });
  }

  #checkStall(viewer: Viewer, fx: EffectList): void {
    const dueAtMs = viewer.progressAt + VIEWER_STALL_MS;
    if (fx.now >= dueAtMs)
      this.#ports.end(viewer, CLOSE.TOO_SLOW, "the console was not read for 30 seconds", 2_000, fx);
    else fx.add({ kind: "alarm", name: STALL_ALARM, dueAtMs });
  }

  #isExpired(viewer: Viewer, fx: EffectList): boolean {
    if (viewer.expiresAt > fx.now) return false;
    this.#ports.end(viewer, CLOSE.NOT_AUTHENTICATED, "the sign-in has expired", 0, fx);
    return true;
  }

  #readerLeft(serverId: string, channel: Channel, fx: EffectList): void {
    if (hasReaders(channel)) {
      this.#creditAgent(serverId, channel, fx);
      return;
    }
    channel.lingerUntil = fx.now + CONSOLE_LINGER_MS;
    fx.add({ kind: "alarm", name: LINGER_ALARM + serverId, dueAtMs: channel.lingerUntil });
  }

  /** Nobody reads this server: fine for a moment after the last reader left, otherwise the agent is told. */
  #strayText(serverId: string, channel: Channel | undefined, fx: EffectList): void {
    if (channel && channel.lingerUntil > fx.now) return;
    if (!this.agent || fx.now - (this.#strays.get(serverId) ?? 0) < STRAY_NOTICE_MS) return;
    if (this.#strays.size >= STRAYS_MAX) this.#strays.clear();
    this.#strays.set(serverId, fx.now);
    fx.toAgent(this.agent, { type: "console_close", serverId });
  }
}

function hasReaders(channel: Channel): boolean {
  for (const viewer of channel.viewers) if (viewer.text !== "off") return true;
  return false;
}
