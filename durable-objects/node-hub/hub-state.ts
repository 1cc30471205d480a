/** What a hub holds in memory, and the steps that its event handlers share. */

import { CLOSE } from "../../protocol/close-codes.ts";
import type { AgentOperation } from "../../protocol/frames/hub-to-agent.ts";
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import type { HubReply } from "../../protocol/hub-rpc.ts";
import type { AgentConnection } from "./agent-connection.ts";
import { ConsoleFanout } from "./console-fanout.ts";
import type { EffectList, HubFacts } from "./effects.ts";
import { NODE_OFFLINE, PendingRequests, TOO_MANY_REQUESTS, type Waiter } from "./pending-requests.ts";
import type { SocketId } from "./socket-id.ts";
import { maySeeHealth, type Viewer } from "./viewer-state.ts";

/** Longest time a request may wait for its answer. */
const DEADLINE_MAX_MS = 120_000;

export class HubState {
  facts: HubFacts;
  agent: AgentConnection | null = null;
  readonly viewers = new Map<SocketId, Viewer>();
  readonly fanout: ConsoleFanout;
  readonly pending = new PendingRequests();
  readonly newId: () => string;
  /** Somebody came or went: the agent may have to be told what is looked at. */
  viewersChanged = false;
  #watched = "";

  /** @param newId makes ids that are unique over the hub's whole life, such as random UUIDs. */
  constructor(facts: HubFacts, newId: () => string) {
    this.facts = facts;
    this.newId = newId;
    this.fanout = new ConsoleFanout({
      newId,
      end: (viewer, code, reason, reconnectAfterMs, fx) => this.endViewer(viewer, code, reason, reconnectAfterMs, fx),
    });
  }

  get isAgentReady(): boolean {
    return this.agent?.isReady ?? false;
  }

  remember(change: Partial<HubFacts>, fx: EffectList): void {
    this.facts = { ...this.facts, ...change };
    fx.add({ kind: "remember", facts: this.facts });
  }

  /** Forgets a viewer whose socket is gone. */
  dropViewer(viewer: Viewer, fx: EffectList): void {
    if (!this.viewers.delete(viewer.id)) return;
    this.viewersChanged = true;
    this.fanout.remove(viewer, fx);
    fx.touched.delete(viewer);
  }

  endViewer(viewer: Viewer, code: number, reason: string, reconnectAfterMs: number, fx: EffectList): void {
    this.dropViewer(viewer, fx);
    fx.bye(viewer.id, code, reason, reconnectAfterMs);
  }

  /** Sends a frame to everybody who looks at a server and whose sign-in still holds. */
  toServer(serverId: string, frame: HubToClient, fx: EffectList): void {
    const recipients: SocketId[] = [];
    for (const viewer of this.fanout.viewersOf(serverId)) {
      if (viewer.expiresAt > fx.now) recipients.push(viewer.id);
      else this.endViewer(viewer, CLOSE.NOT_AUTHENTICATED, "the sign-in has expired", 0, fx);
    }
    fx.toViewers(recipients, frame);
  }

  toEverybody(frame: HubToClient, fx: EffectList): void {
    fx.toViewers([...this.viewers.keys()], frame);
  }

  /** Records for Postgres that the node came or went. */
  recordPresence(isOnline: boolean, seenAt: number, delayMs: number, fx: EffectList): void {
    const { nodeId, epoch, agentVersion, runtime } = this.facts;
    this.remember({ isOnline }, fx);
    if (nodeId === null) return;
    fx.add({
      kind: "record_presence",
      presence: { nodeId, isOnline, epoch, seenAt, agentVersion, runtime },
      delayMs,
    });
  }

  /** The agent is gone: whoever waits is answered, viewers are told, Postgres will be. */
  loseAgent(fx: EffectList): void {
    const seenAt = this.agent?.heardAt ?? fx.now;
    this.agent = null;
    this.fanout.agentLost(fx);
    for (const waiter of this.pending.takeAll()) this.answer(waiter, NODE_OFFLINE, fx);
    if (!this.facts.isOnline) return;
    this.recordPresence(false, seenAt, 0, fx);
    if (this.facts.nodeId !== null)
      this.toEverybody({ type: "node_status", nodeId: this.facts.nodeId, online: false }, fx);
  }

  /** Sends a request to the agent. Returns the refusal when that cannot be, else null: the waiter gets the answer. */
  ask(
    operation: AgentOperation,
    requestId: string,
    waiter: Waiter,
    deadlineMs: number,
    fx: EffectList,
  ): HubReply | null {
    if (!this.agent?.isReady) return NODE_OFFLINE;
    const wireId = this.pending.add(requestId, waiter, fx.now + Math.min(deadlineMs, DEADLINE_MAX_MS));
    if (wireId === null) return TOO_MANY_REQUESTS;
    fx.toAgent(this.agent.id, { type: "request", requestId: wireId, operation });
    return null;
  }

  /** Gives a reply to whoever waits for it. */
  answer(waiter: Waiter, reply: HubReply, fx: EffectList): void {
    if (waiter.kind === "rpc") {
      fx.add({ kind: "resolve", key: waiter.key, reply });
      return;
    }
    if (!this.viewers.has(waiter.viewer)) return;
    if (waiter.kind === "power") {
      const outcome = reply.ok ? { ok: true } : { ok: false, code: reply.code, error: reply.error };
      fx.toViewers(waiter.viewer, { type: "command_result", commandId: waiter.commandId, ...outcome });
    } else if (!reply.ok) {
      fx.toViewers(waiter.viewer, { type: "error", code: reply.code, error: reply.error });
    }
  }

  /** Tells the agent what is looked at, when that changed or when `always`. */
  updateWatch(always: boolean, fx: EffectList): void {
    const serverIds = this.fanout.watchedServers().sort();
    const health = [...this.viewers.values()].some(maySeeHealth);
    const watched = `${health} ${serverIds.join(" ")}`;
    if (!always && watched === this.#watched) return;
    this.#watched = watched;
    if (this.agent?.isReady) fx.toAgent(this.agent.id, { type: "watch", serverIds, health });
  }
}
