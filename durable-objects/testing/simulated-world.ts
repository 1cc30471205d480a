/**
 * A hub core between a simulated agent and simulated viewers, with every link a queue, so that a test decides what
 * arrives when, who is slow, who drops and when the hub sleeps. Time is the test's own.
 */
import type { Bye, HubToAgent } from "../../protocol/frames/hub-to-agent.ts";
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import type { HubStatus, ViewerIdentity } from "../../protocol/hub-rpc.ts";
import { type AgentAttachment, agentFromAttachment } from "../node-hub/agent-connection.ts";
import type { Effect, HubFacts } from "../node-hub/effects.ts";
import { HubCore } from "../node-hub/hub-core.ts";
import { type ViewerAttachment, viewerFromAttachment } from "../node-hub/viewer-state.ts";
import { agentIdentity, viewerIdentity } from "./frames.ts";

interface Link {
  toHub: string[];
  fromHub: string[];
  attachment: AgentAttachment | ViewerAttachment | null;
}

export class SimulatedWorld {
  now = 1_800_000_000_000;
  readonly links = new Map<string, Link>();
  readonly alarms = new Map<string, number>();
  /** What the hub wanted done besides sending, in order. */
  readonly done: Exclude<Effect, { kind: "send" | "attach" }>[] = [];
  #facts: HubFacts = {
    nodeId: null,
    epoch: 0,
    specGeneration: 0,
    ackedSeq: 0,
    agentVersion: null,
    runtime: null,
    isOnline: false,
    eventAllowance: null,
  };
  readonly #closed = new Map<string, Bye>();
  #ids = 0;
  #core = this.#newCore();

  connectAgent(): string {
    const id = this.#open();
    this.#apply(this.#core.connectAgent(id, agentIdentity(), this.now));
    return id;
  }

  connectViewer(change: Partial<ViewerIdentity> = {}, lastState: ServerStateEvent | null = null): string {
    const id = this.#open();
    this.#apply(this.#core.connectViewer(id, viewerIdentity(change), lastState, this.now));
    return id;
  }

  /** Calls a method of the hub's core and does what it wants done. */
  call(method: (core: HubCore, now: number) => Effect[]): void {
    this.#apply(method(this.#core, this.now));
  }

  get status(): HubStatus {
    return this.#core.status(0);
  }

  get core(): HubCore {
    return this.#core;
  }

  /** The peer vanishes: what was under way in both directions is lost. */
  drop(id: string): void {
    if (this.links.delete(id)) this.#apply(this.#core.disconnected(id, this.now));
  }

  /** What the hub said when it closed this socket, or null. */
  byeOf(id: string): Bye | null {
    return this.#closed.get(id) ?? null;
  }

  isOpen(id: string): boolean {
    return this.links.has(id);
  }

  send(id: string, frame: object | string): void {
    this.links.get(id)?.toHub.push(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Lets one frame of a link arrive at the hub; false when none is under way. */
  deliverToHub(id: string): boolean {
    const frame = this.links.get(id)?.toHub.shift();
    if (frame === undefined) return false;
    this.#apply(this.#core.message(id, frame, this.now));
    return true;
  }

  /** Text that waits for a client, as long as the frames' own. */
  waiting(id: string): number {
    return this.links.get(id)?.fromHub.reduce((sum, frame) => sum + frame.length, 0) ?? 0;
  }

  /** A frame of this socket arrives at once. */
  say(id: string, frame: object | string): void {
    this.send(id, frame);
    while (this.deliverToHub(id));
  }

  /** A binary frame of this socket arrives. */
  sayBinary(id: string): void {
    this.#apply(this.#core.message(id, null, this.now));
  }

  /** Takes every frame that arrived at a client. */
  take(id: string): (HubToAgent | HubToClient)[] {
    return (this.links.get(id)?.fromHub.splice(0) ?? []).map((frame) => JSON.parse(frame));
  }

  /** Takes one frame that arrived from the hub. */
  receive<T extends HubToAgent | HubToClient>(id: string): T | null {
    const frame = this.links.get(id)?.fromHub.shift();
    return frame === undefined ? null : (JSON.parse(frame) as T);
  }

  /** The hub's memory goes; sockets, attachments and storage stay. */
  sleep(): void {
    this.#core = this.#newCore();
    const attachments = [...this.links.values()].flatMap(({ attachment }) => (attachment ? [attachment] : []));
    const agent = attachments.find((kept) => kept.role === "agent");
    const viewers = attachments.filter((kept) => kept.role === "viewer");
    this.#apply(
      this.#core.wake(agent ? agentFromAttachment(agent) : null, viewers.map(viewerFromAttachment), this.now),
    );
  }

  /** The control plane is restarted: memory and sockets go, storage stays. */
  restart(): void {
    this.links.clear();
    this.sleep();
  }

  runDueAlarms(): void {
    for (const [name, dueAt] of [...this.alarms]) {
      if (dueAt > this.now) continue;
      this.alarms.delete(name);
      this.#apply(this.#core.alarm(name, this.now));
    }
  }

  #newCore(): HubCore {
    return new HubCore(this.#facts, () => {
      this.#ids += 1;
      return `id-${this.#ids}`;
    });
  }

  #open(): string {
    this.#ids += 1;
    const id = `socket-${this.#ids}`;
    this.links.set(id, { toHub: [], fromHub: [], attachment: null });
    return id;
  }

  #apply(effects: Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== "send" && effect.kind !== "attach") this.done.push(effect);
      if (effect.kind === "send") for (const id of effect.to) this.links.get(id)?.fromHub.push(effect.frame);
      else if (effect.kind === "close") {
        this.links.delete(effect.socket);
        this.#closed.set(effect.socket, effect.bye);
      } else if (effect.kind === "attach") {
        const link = this.links.get(effect.socket);
        // A copy, as the platform makes one: later changes in memory are not kept by themselves.
        if (link) link.attachment = structuredClone(effect.attachment);
      } else if (effect.kind === "remember") this.#facts = structuredClone(effect.facts);
      else if (effect.kind === "alarm")
        this.alarms.set(
          effect.name,
          Math.min(effect.dueAtMs, this.alarms.get(effect.name) ?? Number.POSITIVE_INFINITY),
        );
    }
  }
}
