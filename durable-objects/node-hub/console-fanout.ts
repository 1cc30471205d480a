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
import { CONSOLE_FRAME_MAX_BYTES, CONSOLE_LINGER_MS, VIEWER_STALL_MS } from "../../protocol/limits.ts";
import { type Channel, creditDue, forgetPosition, hasReaders, newChannel } from "./channel.ts";
import type { EffectList } from "./effects.ts";
import { Replays } from "./replays.ts";
import type { SocketId } from "./socket-id.ts";
import { StrayStreams } from "./stray-streams.ts";
import { hasCreditFor, owedBytes, recordAck, recordSent, stateGap } from "./viewer-position.ts";
import { may, type Viewer } from "./viewer-state.ts";

/** Gaps that a viewer may have unconfirmed before it counts as lagging. */
const GAPS_MAX = 16;
export const STALL_ALARM = "stall";
export const LINGER_ALARM = "linger:";

export interface FanoutPorts {
  /** A new id for a replay, unique over the hub's life. */
  newId(): string;
  /** Ends a viewer's socket; must call `remove`. */
  end(viewer: Viewer, code: number, reason: string, reconnectAfterMs: number, fx: EffectList): void;
}

export class ConsoleFanout {
  /** The agent to ask for text; null while none is ready. */
  agent: SocketId | null = null;
  readonly #ports: FanoutPorts;
  readonly #channels = new Map<string, Channel>();
  readonly #replays: Replays;
  readonly #strays = new StrayStreams();

  constructor(ports: FanoutPorts) {
    this.#ports = ports;
    this.#replays = new Replays(ports.newId);
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
    this.#replays.restore(viewer);
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
    this.#replays.drop(viewer);
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
    this.#replays.drop(viewer);
    viewer.text = "off";
    fx.touch(viewer);
    this.#readerLeft(viewer.serverId, this.#channel(viewer.serverId), fx);
  }

  /** An agent is ready: streams are opened anew and every reader is brought up to date from its own position. */
  agentReady(agent: SocketId, fx: EffectList): void {
    this.agent = agent;
    for (const [serverId, channel] of this.#channels) {
      forgetPosition(channel);
      const readers = [...channel.viewers].filter((viewer) => viewer.text !== "off");
      if (readers.length === 0) continue;
      fx.toAgent(agent, { type: "console_open", serverId });
      for (const viewer of readers) {
        // One that owes is brought up to date when it has confirmed what it got: an agent that comes and goes must not
        // heap up replays for a viewer that takes none.
        if (owedBytes(viewer) === 0) this.#startReplay(viewer, fx);
        else fx.add({ kind: "alarm", name: STALL_ALARM, dueAtMs: viewer.progressAt + VIEWER_STALL_MS });
      }
    }
  }

  agentLost(fx: EffectList): void {
    this.agent = null;
    for (const channel of this.#channels.values()) {
      forgetPosition(channel);
      for (const viewer of channel.viewers) {
        if (viewer.text !== "live" && viewer.text !== "joining") continue;
        this.#replays.drop(viewer);
        viewer.text = "waiting";
        fx.touch(viewer);
      }
    }
  }

  /** Text from the agent. False when the agent may not send it. */
  text(envelope: ConsoleEnvelope, fx: EffectList): boolean {
    if (envelope.bytes > CONSOLE_FRAME_MAX_BYTES) return false;
    if (envelope.requestId !== null) {
      const viewer = this.#replays.find(envelope.requestId);
      return !viewer || this.#isExpired(viewer, fx) || this.#replays.text(viewer, envelope, fx);
    }
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
      else if (this.#hasTextWaiting(viewer)) this.#endIfStalled(viewer, fx);
      else if (this.#replays.isOverdue(viewer, fx.now)) this.#startReplay(viewer, fx);
    }
    if (recipients.length > 0) fx.add({ kind: "send", to: recipients, frame: envelope.payload });
    return true;
  }

  /** A gap that the agent states: in the live stream, or in the replay `requestId`. */
  gap(serverId: string, from: number, to: number, requestId: string | undefined, fx: EffectList): boolean {
    if (to < from) return false;
    if (requestId !== undefined) {
      const viewer = this.#replays.find(requestId);
      if (viewer?.serverId === serverId) this.#replays.gap(viewer, from, to, fx);
      return !viewer || viewer.serverId === serverId;
    }
    const channel = this.#channels.get(serverId);
    if (!channel) return true;
    channel.live = to;
    for (const viewer of channel.viewers) {
      if (viewer.text !== "live" || viewer.sent === null || to <= viewer.sent) continue;
      if (viewer.gaps.length >= GAPS_MAX) this.#fallBehind(viewer, fx);
      else stateGap(viewer, viewer.sent, to, fx);
    }
    return true;
  }

  /** The agent finished a replay; live text goes on at `offset`. */
  replayDone(serverId: string, requestId: string, offset: number, oldest: number, fx: EffectList): boolean {
    const viewer = this.#replays.find(requestId);
    if (!viewer) return true;
    if (viewer.serverId !== serverId) return false;
    this.#replays.finish(viewer, offset, oldest, fx);
    const channel = this.#channel(serverId);
    channel.live ??= offset;
    channel.credited ??= offset;
    return true;
  }

  /** The viewer confirms everything before `offset`. */
  ack(viewer: Viewer, offset: number, fx: EffectList): void {
    if (!recordAck(viewer, offset, fx.now)) return;
    fx.touch(viewer);
    const channel = this.#channel(viewer.serverId);
    if (owedBytes(viewer) === 0) {
      if (viewer.text === "lagging") this.#catchUp(viewer, channel, fx);
      else if (viewer.text === "waiting" && this.agent) this.#startReplay(viewer, fx);
    }
    if (viewer.text === "live") this.#creditAgent(viewer.serverId, channel, fx);
  }

  /** Alarm: ends viewers that confirm nothing while text waits for them, and asks to be called for the next one. */
  checkStalls(fx: EffectList): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const channel of this.#channels.values())
      for (const viewer of channel.viewers)
        if (this.#hasTextWaiting(viewer) && !this.#endIfStalled(viewer, fx))
          earliest = Math.min(earliest, viewer.progressAt + VIEWER_STALL_MS);
    if (earliest !== Number.POSITIVE_INFINITY) fx.add({ kind: "alarm", name: STALL_ALARM, dueAtMs: earliest });
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
    forgetPosition(channel);
    if (channel.viewers.size === 0) this.#channels.delete(serverId);
  }

  #channel(serverId: string): Channel {
    let channel = this.#channels.get(serverId);
    if (!channel) {
      channel = newChannel();
      this.#channels.set(serverId, channel);
    }
    return channel;
  }

  #join(viewer: Viewer, fx: EffectList): void {
    const channel = this.#channel(viewer.serverId);
    const isFirst = !hasReaders(channel);
    channel.lingerUntil = 0;
    viewer.text = "waiting";
    fx.touch(viewer);
    if (!this.agent) return;
    if (isFirst) {
      forgetPosition(channel);
      fx.toAgent(this.agent, { type: "console_open", serverId: viewer.serverId });
    }
    this.#startReplay(viewer, fx);
  }

  #startReplay(viewer: Viewer, fx: EffectList): void {
    if (this.agent) this.#replays.start(viewer, this.agent, fx);
    else viewer.text = "waiting";
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
    if (offset > sent) stateGap(viewer, sent, offset, fx);
    recordSent(viewer, offset + bytes, fx.now);
    fx.touch(viewer);
    return true;
  }

  #fallBehind(viewer: Viewer, fx: EffectList): void {
    viewer.text = "lagging";
    fx.touch(viewer);
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
    if (viewer.sent !== null && viewer.sent < channel.live) stateGap(viewer, viewer.sent, channel.live, fx);
    viewer.gaps = [];
    viewer.acked = channel.live;
    viewer.joinedAt = channel.live;
    viewer.text = "live";
  }

  #creditAgent(serverId: string, channel: Channel, fx: EffectList): void {
    const offset = this.agent ? creditDue(channel, fx.now) : null;
    if (this.agent === null || offset === null) return;
    channel.credited = offset;
    fx.toAgent(this.agent, { type: "console_credit", serverId, offset });
  }

  /** Text is withheld until the viewer confirms what it got. */
  #hasTextWaiting(viewer: Viewer): boolean {
    return viewer.text === "lagging" || (viewer.text === "waiting" && this.agent !== null);
  }

  #endIfStalled(viewer: Viewer, fx: EffectList): boolean {
    if (fx.now < viewer.progressAt + VIEWER_STALL_MS) return false;
    this.#ports.end(viewer, CLOSE.TOO_SLOW, "the console was not read for 30 seconds", 2_000, fx);
    return true;
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
    if (this.agent && this.#strays.shouldTell(serverId, fx.now))
      fx.toAgent(this.agent, { type: "console_close", serverId });
  }
}
