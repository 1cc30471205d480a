/**
 * The hub of one node, without sockets, storage or clock: events come in as method calls, what shall be done goes out
 * as effects. `node-hub.ts` is the shell around it.
 *
 * One agent at a time: each accepted agent connection has a higher epoch than the one before, and only the newest is
 * listened to. A viewer watches one server; what it may do is in its attachment and looked at on every frame.
 */

import { CLOSE } from "../../protocol/close-codes.ts";
import type { AgentOperation, Bye } from "../../protocol/frames/hub-to-agent.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import type {
  AgentIdentity,
  HubIdentity,
  HubReply,
  HubStatus,
  RevocationFilter,
  ViewerIdentity,
} from "../../protocol/hub-rpc.ts";
import { AGENT_SILENT_MS, SOCKETS_PER_HUB_MAX, VIEWERS_PER_SERVER_MAX } from "../../protocol/limits.ts";
import { serverStateSchema } from "../../protocol/server-state.ts";
import { type AgentConnection, agentAttachment } from "./agent-connection.ts";
import { agentFrame, stateUpdate } from "./agent-frames.ts";
import { LINGER_ALARM, STALL_ALARM } from "./console-fanout.ts";
import { type Effect, EffectList, type HubFacts } from "./effects.ts";
import { HubState } from "./hub-state.ts";
import { AGENT_TIMEOUT, NODE_OFFLINE } from "./pending-requests.ts";
import type { SocketId } from "./socket-id.ts";
import { viewerFrame } from "./viewer-frames.ts";
import { newViewer, type Viewer, viewerAttachment } from "./viewer-state.ts";

/** A vanished network closes no socket: while an agent is connected, its silence is looked for this often. */
export const SILENCE_CHECK_MS = 5 * 60_000;
export const SILENCE_ALARM = "agent-silence";
/** After a restart of the control plane agents come back within this; only then the node is told offline. */
const RETURN_GRACE_MS = 20_000;
const REPLACED = "replaced by a newer connection of this node";
/** Two agents that fight over one slot shall not do so many times a second. */
const REPLACED_RETRY_MS = 30_000;
const TOO_MANY_RETRY_MS = 30_000;
/** A hint is believed over the generation read at a connect for this long: the read may be older. */
const HINT_FRESH_MS = 60_000;

export class HubCore {
  readonly #hub: HubState;
  #hintedAt = Number.NEGATIVE_INFINITY;

  /** @param newId makes ids unique over the hub's whole life, such as random UUIDs. */
  constructor(facts: HubFacts, newId: () => string) {
    this.#hub = new HubState(facts, newId);
  }

  /** Takes up the sockets of a hub that slept or was restarted. */
  wake(agent: AgentConnection | null, viewers: readonly Viewer[], now: number): Effect[] {
    const fx = new EffectList(now);
    const hub = this.#hub;
    for (const viewer of viewers) {
      hub.viewers.set(viewer.id, viewer);
      hub.fanout.restore(viewer);
    }
    if (agent && agent.epoch === hub.facts.epoch) {
      hub.agent = agent;
      if (agent.isReady) hub.fanout.agent = agent.id;
      return this.#finish(fx);
    }
    if (agent) fx.bye(agent.id, CLOSE.RESTART, REPLACED, REPLACED_RETRY_MS);
    if (hub.facts.isOnline) {
      // The object was restarted and its sockets are gone. A returning agent overwrites this before it is told.
      hub.fanout.agentLost(fx);
      hub.recordPresence(false, now, RETURN_GRACE_MS, fx);
    }
    return this.#finish(fx);
  }

  /** An agent whose identity the Worker proved takes the slot. */
  connectAgent(id: SocketId, identity: AgentIdentity, now: number): Effect[] {
    const fx = new EffectList(now);
    const hub = this.#hub;
    const replaced = hub.agent;
    const wasOnline = hub.facts.isOnline;
    hub.fanout.agentLost(fx);
    // Seconds since 1970, so that epochs rise even when this object's storage was lost.
    const epoch = Math.max(hub.facts.epoch + 1, Math.floor(now / 1000));
    const isHintFresh = now - this.#hintedAt < HINT_FRESH_MS;
    const specGeneration = isHintFresh
      ? Math.max(hub.facts.specGeneration, identity.specGeneration)
      : identity.specGeneration;
    if (replaced) {
      for (const waiter of hub.pending.takeAll()) hub.answer(waiter, NODE_OFFLINE, fx);
    }
    hub.remember({ nodeId: identity.nodeId, epoch, specGeneration, isOnline: wasOnline }, fx);
    hub.agent = { id, epoch, connectedAt: now, isReady: false, badFrames: 0, heardAt: now };
    fx.add({ kind: "attach", socket: id, attachment: agentAttachment(hub.agent) });
    if (replaced) fx.bye(replaced.id, CLOSE.RESTART, REPLACED, REPLACED_RETRY_MS);
    fx.add({ kind: "alarm", name: SILENCE_ALARM, dueAtMs: now + SILENCE_CHECK_MS });
    return this.#finish(fx);
  }

  /** Why this socket is not taken, or null. */
  refusal(identity: HubIdentity): Bye | null {
    if (identity.role === "agent") return null;
    const { viewers, fanout } = this.#hub;
    // One place is always kept for the agent.
    const isFull =
      viewers.size >= SOCKETS_PER_HUB_MAX - 1 || fanout.viewersOf(identity.serverId).size >= VIEWERS_PER_SERVER_MAX;
    return isFull
      ? { type: "bye", code: CLOSE.TOO_MANY, reason: "too many viewers", reconnectAfterMs: TOO_MANY_RETRY_MS }
      : null;
  }

  /**
   * A viewer that the Worker admitted and `refusal` let pass.
   *
   * @param lastState the newest event that this hub keeps of the server
   */
  connectViewer(id: SocketId, identity: ViewerIdentity, lastState: ServerStateEvent | null, now: number): Effect[] {
    const fx = new EffectList(now);
    const hub = this.#hub;
    if (hub.facts.nodeId === null) hub.remember({ nodeId: identity.nodeId }, fx);
    const viewer = newViewer(id, identity, now);
    hub.viewers.set(id, viewer);
    hub.viewersChanged = true;
    fx.touch(viewer);
    fx.toViewers(id, { type: "node_status", nodeId: identity.nodeId, online: hub.isAgentReady });
    const state = serverStateSchema.safeParse(identity.state);
    if (lastState) fx.toViewers(id, stateUpdate(lastState));
    else if (state.success)
      fx.toViewers(id, {
        type: "server_state_update",
        serverId: identity.serverId,
        state: state.data,
        reason: null,
        timestamp: now,
      });
    hub.fanout.add(viewer, fx);
    return this.#finish(fx);
  }

  /** A frame came; null for a binary one. Frames of sockets that are no longer listened to are dropped. */
  message(id: SocketId, frame: string | null, now: number): Effect[] {
    const fx = this.#begin(now);
    const hub = this.#hub;
    const viewer = hub.viewers.get(id);
    if (viewer) viewerFrame(hub, viewer, frame, fx);
    else if (hub.agent?.id === id) agentFrame(hub, hub.agent, frame, fx);
    return this.#finish(fx);
  }

  /** A socket closed or failed. */
  disconnected(id: SocketId, now: number): Effect[] {
    const fx = this.#begin(now);
    const hub = this.#hub;
    const viewer = hub.viewers.get(id);
    if (viewer) hub.dropViewer(viewer, fx);
    else if (hub.agent?.id === id) hub.loseAgent(fx);
    return this.#finish(fx);
  }

  /** A socket takes nothing, and what waits for it fills this object's memory: it is ended. */
  overflowed(id: SocketId, now: number): Effect[] {
    const fx = this.#begin(now);
    const hub = this.#hub;
    const viewer = hub.viewers.get(id);
    if (viewer) hub.endViewer(viewer, CLOSE.TOO_SLOW, "the socket takes too little", 2_000, fx);
    else if (hub.agent?.id === id) {
      hub.loseAgent(fx);
      fx.bye(id, CLOSE.TOO_SLOW, "the socket takes too little", 1_000);
    }
    return this.#finish(fx);
  }

  /** Sends an operation to the agent; the answer comes as a `resolve` effect with `key`, perhaps at once. */
  request(key: string, operation: AgentOperation, requestId: string, deadlineMs: number, now: number): Effect[] {
    const fx = this.#begin(now);
    const waiter = { kind: "rpc", key } as const;
    const refusal: HubReply | null = this.#hub.ask(operation, requestId, waiter, deadlineMs, fx);
    if (refusal) this.#hub.answer(waiter, refusal, fx);
    return this.#finish(fx);
  }

  /** The spec has a new generation. Whatever the order in which hints come, the agent pulls the truth. */
  setSpecGeneration(generation: number, now: number): Effect[] {
    const fx = this.#begin(now);
    const hub = this.#hub;
    this.#hintedAt = now;
    hub.remember({ specGeneration: generation }, fx);
    if (hub.agent?.isReady) fx.toAgent(hub.agent.id, { type: "spec_changed", generation });
    return this.#finish(fx);
  }

  /** Ends viewers that match every given field. */
  revoke(filter: RevocationFilter, code: number, reason: string, now: number): { effects: Effect[]; count: number } {
    const fx = this.#begin(now);
    const matches = [...this.#hub.viewers.values()].filter(
      (viewer) =>
        (filter.userId === undefined || viewer.userId === filter.userId) &&
        (filter.credentialId === undefined || viewer.credentialId === filter.credentialId) &&
        (filter.serverId === undefined || viewer.serverId === filter.serverId) &&
        (filter.seesSuspended === undefined || viewer.seesSuspended === filter.seesSuspended),
    );
    for (const viewer of matches) this.#hub.endViewer(viewer, code, reason, 0, fx);
    return { effects: this.#finish(fx), count: matches.length };
  }

  disconnectAgent(reason: string, now: number): Effect[] {
    const fx = this.#begin(now);
    const { agent } = this.#hub;
    if (agent) {
      this.#hub.loseAgent(fx);
      fx.bye(agent.id, CLOSE.NOT_AUTHENTICATED, reason, 1_000);
    }
    return this.#finish(fx);
  }

  /** @param answeredAt when the runtime last answered the agent's keep-alive ping, if ever */
  checkAgent(answeredAt: number | null, now: number): Effect[] {
    const fx = this.#begin(now);
    const { agent } = this.#hub;
    if (agent && now - Math.max(agent.heardAt, answeredAt ?? 0) > AGENT_SILENT_MS) {
      this.#hub.loseAgent(fx);
      fx.bye(agent.id, CLOSE.RESTART, "nothing was heard from this agent", 1_000);
    }
    return this.#finish(fx);
  }

  /** A named alarm is due. */
  alarm(name: string, now: number): Effect[] {
    const fx = this.#begin(now);
    if (name === STALL_ALARM) this.#hub.fanout.checkStalls(fx);
    else if (name.startsWith(LINGER_ALARM)) this.#hub.fanout.lingerEnded(name.slice(LINGER_ALARM.length), fx);
    else if (name === SILENCE_ALARM && this.#hub.agent)
      fx.add({ kind: "alarm", name: SILENCE_ALARM, dueAtMs: now + SILENCE_CHECK_MS });
    return this.#finish(fx);
  }

  status(outboxDepth: number): HubStatus {
    const { facts, viewers, isAgentReady } = this.#hub;
    return {
      agentConnected: isAgentReady,
      epoch: facts.epoch,
      agentVersion: facts.agentVersion,
      runtime: facts.runtime,
      viewerCount: viewers.size,
      outboxDepth,
    };
  }

  get nodeId(): string | null {
    return this.#hub.facts.nodeId;
  }

  get agentId(): SocketId | null {
    return this.#hub.agent?.id ?? null;
  }

  #begin(now: number): EffectList {
    const fx = new EffectList(now);
    for (const waiter of this.#hub.pending.takeExpired(now)) this.#hub.answer(waiter, AGENT_TIMEOUT, fx);
    return fx;
  }

  #finish(fx: EffectList): Effect[] {
    if (this.#hub.viewersChanged) this.#hub.updateWatch(false, fx);
    this.#hub.viewersChanged = false;
    for (const viewer of fx.touched)
      fx.add({ kind: "attach", socket: viewer.id, attachment: viewerAttachment(viewer) });
    return fx.items;
  }
}
