/** What the hub's core wants done. The shell (`node-hub.ts`) does it, in order, and adds nothing of its own. */
import type { Bye, HubToAgent } from "../../protocol/frames/hub-to-agent.ts";
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import type { HubReply } from "../../protocol/hub-rpc.ts";
import type { AgentAttachment } from "./agent-connection.ts";
import type { SocketId } from "./socket-id.ts";
import type { Bucket } from "./token-bucket.ts";
import type { Viewer, ViewerAttachment } from "./viewer-state.ts";

/** The few facts of a node that outlive every connection. */
export interface HubFacts {
  nodeId: string | null;
  /** Epoch of the newest agent connection. */
  epoch: number;
  specGeneration: number;
  /** Highest event number kept by this hub. */
  ackedSeq: number;
  agentVersion: string | null;
  runtime: string | null;
  /** What Postgres was last told, or is going to be told by the outbox. */
  isOnline: boolean;
  /** State events that the node may still tell; null before the first. */
  eventAllowance: Bucket | null;
}

/** A flip of the node's connection, for Postgres. */
export interface NodePresence {
  nodeId: string;
  isOnline: boolean;
  epoch: number;
  /** When the agent was last known alive, in milliseconds. */
  seenAt: number;
  agentVersion: string | null;
  runtime: string | null;
}

export type Effect =
  | { kind: "send"; to: readonly SocketId[]; frame: string }
  /** Says `bye`, closes, and forgets the socket. */
  | { kind: "close"; socket: SocketId; bye: Bye }
  /** Keeps what must survive hibernation with the socket. */
  | { kind: "attach"; socket: SocketId; attachment: AgentAttachment | ViewerAttachment }
  | { kind: "remember"; facts: HubFacts }
  /** Keeps the event durably; whatever is sent after it waits for the disk. */
  | { kind: "record_state"; event: ServerStateEvent }
  | { kind: "record_presence"; presence: NodePresence; delayMs: number }
  | { kind: "alarm"; name: string; dueAtMs: number }
  /** Answers the RPC that was started under `key`. */
  | { kind: "resolve"; key: string; reply: HubReply };

/** Collects the effects of one event. */
export class EffectList {
  readonly items: Effect[] = [];
  /** Viewers whose attachment is to be written when the event is over. */
  readonly touched = new Set<Viewer>();
  /** Time of the event, milliseconds since 1970. */
  readonly now: number;

  constructor(now: number) {
    this.now = now;
  }

  add(effect: Effect): void {
    this.items.push(effect);
  }

  touch(viewer: Viewer): void {
    this.touched.add(viewer);
  }

  toAgent(agent: SocketId, frame: HubToAgent): void {
    this.add({ kind: "send", to: [agent], frame: JSON.stringify(frame) });
  }

  toViewers(to: SocketId | readonly SocketId[], frame: HubToClient): void {
    const sockets = typeof to === "string" ? [to] : to;
    if (sockets.length > 0) this.add({ kind: "send", to: sockets, frame: JSON.stringify(frame) });
  }

  bye(socket: SocketId, code: number, reason: string, reconnectAfterMs: number): void {
    this.add({ kind: "close", socket, bye: { type: "bye", code, reason, reconnectAfterMs } });
  }
}
