/**
 * The Durable Object of one node: turns sockets, alarms, storage and method calls into events of `HubCore`, and its
 * effects back into calls. It decides nothing itself.
 *
 * Only the hibernation API is used: no timers, no Postgres and no awaited fetch outside the alarm, so an idle hub
 * costs nothing and sleeps with its sockets open.
 */
import { DurableObject } from "cloudflare:workers";
import { CLOSE } from "../../protocol/close-codes.ts";
import type { AgentOperation, Bye } from "../../protocol/frames/hub-to-agent.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import {
  HUB_IDENTITY_HEADER,
  type HubIdentity,
  type HubReply,
  type HubStatus,
  hubIdentitySchema,
  type NodeHubRpc,
  type RevocationFilter,
} from "../../protocol/hub-rpc.ts";
import { PING_TEXT, PONG_TEXT } from "../../protocol/limits.ts";
import type { Env } from "../../worker/env.ts";
import { AlarmScheduler, sqlAlarmStore } from "../alarm-scheduler.ts";
import { type AgentAttachment, type AgentConnection, agentFromAttachment } from "./agent-connection.ts";
import type { Effect } from "./effects.ts";
import { HubCore, SILENCE_ALARM } from "./hub-core.ts";
import { HubStorage } from "./hub-storage.ts";
import { Outbox } from "./outbox.ts";
import { outboxDatabase, writeFault } from "./outbox-database.ts";
import type { SocketId } from "./socket-id.ts";
import { type Viewer, type ViewerAttachment, viewerFromAttachment } from "./viewer-state.ts";

const OUTBOX_ALARM = "outbox";
/** What may wait in memory for one socket that takes nothing; the console's own credit ends well before. */
const SEND_BUFFER_MAX_BYTES = 4 * 1024 * 1024;

/** Raised when what an attachment holds changes its meaning. */
const ATTACHMENT_VERSION = 1;

type Attachment = AgentAttachment | ViewerAttachment;

export class NodeHub extends DurableObject<Env> implements NodeHubRpc {
  readonly #storage: HubStorage;
  readonly #alarms: AlarmScheduler;
  readonly #outbox: Outbox;
  readonly #core: HubCore;
  readonly #sockets = new Map<SocketId, WebSocket>();
  readonly #ids = new WeakMap<WebSocket, SocketId>();
  readonly #waiting = new Map<string, (reply: HubReply) => void>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING_TEXT, PONG_TEXT));
    this.#storage = new HubStorage(ctx.storage.sql);
    this.#alarms = new AlarmScheduler(sqlAlarmStore(ctx.storage));
    this.#outbox = new Outbox(this.#storage, outboxDatabase(env), writeFault);
    this.#core = new HubCore(this.#storage.facts(), () => crypto.randomUUID());
    const { agent, viewers } = this.#socketsThatSlept();
    this.#apply(this.#core.wake(agent, viewers, Date.now()));
    // An object that ended in the middle of a drain left entries and no alarm.
    if (this.#alarms.dueAt(OUTBOX_ALARM) === null) this.#wantDrain();
  }

  /** The upgrade request that the Worker made. Whoever it names is believed, so no client's header may get here. */
  override async fetch(request: Request): Promise<Response> {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket")
      return new Response("This is a WebSocket.", { status: 426, headers: { Upgrade: "websocket" } });
    const identity = readIdentity(request.headers.get(HUB_IDENTITY_HEADER));
    const nodeId = this.ctx.id.name ?? this.#core.nodeId;
    if (!identity || (nodeId !== null && identity.nodeId !== nodeId))
      return new Response("Forbidden.", { status: 403 });
    const { 0: client, 1: server } = new WebSocketPair();
    const refusal = this.#core.refusal(identity);
    if (refusal) {
      // Not hibernatable, because such a socket's close reaches the client at once.
      server.accept();
      server.send(JSON.stringify(refusal));
      server.close(refusal.code, refusal.reason);
      return new Response(null, { status: 101, webSocket: client });
    }
    const id = crypto.randomUUID();
    const tags = identity.role === "agent" ? ["agent"] : ["viewer", `server:${identity.serverId}`];
    this.ctx.acceptWebSocket(server, tags);
    this.#sockets.set(id, server);
    this.#ids.set(server, id);
    const now = Date.now();
    this.#apply(
      identity.role === "agent"
        ? this.#core.connectAgent(id, identity, now)
        : this.#core.connectViewer(id, identity, this.#storage.lastState(identity.serverId), now),
    );
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const id = this.#idOf(socket);
    if (id === null) return;
    try {
      this.#apply(this.#core.message(id, typeof message === "string" ? message : null, Date.now()));
    } catch (error) {
      // A defect of ours; the peer learns nothing of it.
      this.#log("a frame could not be handled", error);
    }
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    // Without this answer the peer waits ten seconds and then sees 1006.
    close(socket, code >= 3000 && code <= 4999 ? code : CLOSE.NORMAL, "");
    this.#gone(socket);
  }

  override webSocketError(socket: WebSocket): void {
    close(socket, CLOSE.NORMAL, "");
    this.#gone(socket);
  }

  override async alarm(): Promise<void> {
    let drains = false;
    await this.#alarms.run(Date.now(), (name) => {
      if (name === OUTBOX_ALARM) drains = true;
      else {
        if (name === SILENCE_ALARM) this.#checkAgent();
        this.#apply(this.#core.alarm(name, Date.now()));
      }
    });
    // Last, because Postgres may take its time.
    if (drains) await this.#drain();
  }

  async request(operation: AgentOperation, requestId: string, deadlineMs: number): Promise<HubReply> {
    this.#checkAgent();
    const key = crypto.randomUUID();
    return await new Promise((resolve) => {
      this.#waiting.set(key, resolve);
      this.#apply(this.#core.request(key, operation, requestId, deadlineMs, Date.now()));
    });
  }

  async setSpecGeneration(generation: number): Promise<void> {
    this.#apply(this.#core.setSpecGeneration(generation, Date.now()));
  }

  async revoke(filter: RevocationFilter, closeCode: number, reason: string): Promise<number> {
    const { effects, count } = this.#core.revoke(filter, closeCode, reason, Date.now());
    this.#apply(effects);
    return count;
  }

  async disconnectAgent(reason: string): Promise<void> {
    this.#apply(this.#core.disconnectAgent(reason, Date.now()));
  }

  async status(): Promise<HubStatus> {
    this.#checkAgent();
    return this.#core.status(this.#storage.depth());
  }

  #apply(effects: readonly Effect[]): void {
    const overflowing: SocketId[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          for (const id of effect.to) if (!this.#send(id, effect.frame)) overflowing.push(id);
          break;
        case "close":
          this.#close(effect.socket, effect.bye);
          break;
        case "attach":
          this.#sockets.get(effect.socket)?.serializeAttachment(effect.attachment);
          break;
        case "remember":
          this.#storage.saveFacts(effect.facts);
          break;
        case "record_state":
          this.#recordState(effect.event);
          this.#wantDrain();
          break;
        case "record_presence":
          this.#outbox.addPresence(effect.presence, effect.delayMs, Date.now());
          this.#wantDrain();
          break;
        case "alarm":
          this.#alarms.schedule(effect.name, effect.dueAtMs);
          break;
        case "resolve":
          this.#waiting.get(effect.key)?.(effect.reply);
          this.#waiting.delete(effect.key);
          break;
      }
    }
    for (const id of overflowing) this.#apply(this.#core.overflowed(id, Date.now()));
  }

  /** A crash goes its own way to Postgres: of states only the newest counts, of crashes each one. */
  #recordState({ crash, ...state }: ServerStateEvent): void {
    this.#storage.saveState(state);
    if (crash) this.#outbox.addCrash({ serverId: state.serverId, seq: state.seq, ...crash }, Date.now());
    this.#outbox.addState(state, Date.now());
  }

  /** False when too much waits for this socket already. */
  #send(id: SocketId, frame: string): boolean {
    const socket = this.#sockets.get(id);
    if (socket?.readyState !== WebSocket.OPEN) return true;
    try {
      socket.send(frame);
    } catch {
      return true; // It closed in this moment; its close event follows.
    }
    // Not every platform version has `bufferedAmount` yet.
    return (socket.bufferedAmount ?? 0) <= SEND_BUFFER_MAX_BYTES;
  }

  #close(id: SocketId, bye: Bye): void {
    const socket = this.#sockets.get(id);
    if (!socket) return;
    this.#send(id, JSON.stringify(bye));
    this.#sockets.delete(id);
    this.#ids.delete(socket);
    // A closing socket may linger; without an attachment it is nobody.
    socket.serializeAttachment(null);
    close(socket, bye.code, bye.reason);
  }

  #gone(socket: WebSocket): void {
    const id = this.#idOf(socket);
    if (id === null) return;
    this.#sockets.delete(id);
    this.#ids.delete(socket);
    socket.serializeAttachment(null);
    this.#apply(this.#core.disconnected(id, Date.now()));
  }

  #idOf(socket: WebSocket): SocketId | null {
    return this.#ids.get(socket) ?? (socket.deserializeAttachment() as Attachment | null)?.id ?? null;
  }

  #socketsThatSlept(): { agent: AgentConnection | null; viewers: Viewer[] } {
    let agent: AgentConnection | null = null;
    const viewers: Viewer[] = [];
    for (const socket of this.ctx.getWebSockets()) {
      const attachment = socket.deserializeAttachment() as Attachment | null;
      if (!attachment || socket.readyState !== WebSocket.OPEN) continue;
      if (attachment.version !== ATTACHMENT_VERSION) {
        // Written by another version of this code: the client comes back and is taken up anew.
        socket.serializeAttachment(null);
        close(socket, CLOSE.RESTART, "the control plane was updated");
        continue;
      }
      this.#sockets.set(attachment.id, socket);
      this.#ids.set(socket, attachment.id);
      if (attachment.role === "viewer") viewers.push(viewerFromAttachment(attachment));
      else if (!agent || attachment.epoch > agent.epoch) agent = agentFromAttachment(attachment);
    }
    return { agent, viewers };
  }

  #checkAgent(): void {
    const agentId = this.#core.agentId;
    const socket = agentId === null ? undefined : this.#sockets.get(agentId);
    const answeredAt = socket ? this.ctx.getWebSocketAutoResponseTimestamp(socket) : null;
    this.#apply(this.#core.checkAgent(answeredAt?.getTime() ?? null, Date.now()));
  }

  #wantDrain(): void {
    const at = this.#outbox.wantsDrainAt();
    if (at !== null) this.#alarms.schedule(OUTBOX_ALARM, at);
  }

  async #drain(): Promise<void> {
    const { nodeId } = this.#core;
    if (nodeId === null) return;
    const refusedBefore = this.#outbox.refused;
    const nextAt = await this.#outbox.drain(nodeId, () => Date.now());
    if (this.#storage.failures() > 0) this.#log("the outbox waits for Postgres", null);
    if (this.#outbox.refused > refusedBefore) this.#log("Postgres refused an entry of the outbox", null);
    if (nextAt !== null) this.#alarms.reschedule(OUTBOX_ALARM, nextAt);
  }

  #log(message: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : undefined;
    console.error(JSON.stringify({ level: "error", room: "node-hub", nodeId: this.#core.nodeId, message, reason }));
  }
}

function readIdentity(header: string | null): HubIdentity | null {
  if (header === null) return null;
  try {
    return hubIdentitySchema.parse(JSON.parse(header));
  } catch {
    return null;
  }
}

function close(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason.slice(0, 120));
  } catch {
    // Closed already.
  }
}
