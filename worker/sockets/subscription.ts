import { CLOSE, type CloseCode } from "../../protocol/close-codes.ts";
import type { CallerContext } from "../context.ts";
import { Refusal } from "../errors.ts";
import { refusalOf } from "../middleware/answer-errors.ts";
import type { Socket, SocketPort } from "../ports/sockets.ts";
import { watchServer } from "../services/servers/watch.ts";
import { closeCodeOf } from "./refuse.ts";

/** Times a lost hub socket is opened anew before the client is told; each wait is longer, and none is exact. */
const REOPENINGS_MAX = 6;
const REOPEN_FIRST_MS = 250;

export interface SubscriptionSurroundings {
  caller(): Promise<CallerContext>;
  ports: SocketPort;
  toClient(text: string): void;
  ended(code: CloseCode, reason: string): void;
}

interface HubFrame {
  type?: string;
  serverId?: string;
  code?: number;
  reason?: string;
  offset?: number;
  bytes?: number;
  to?: number;
}

function readFrame(text: string): HubFrame | null {
  try {
    const frame = JSON.parse(text);
    return typeof frame === "object" ? frame : null;
  } catch {
    return null;
  }
}

/** Where the client's text goes on after a frame, or null when the frame carries none. */
function offsetAfter({ type, offset, bytes, to }: HubFrame): number | null {
  if (type === "console_output" || type === "install_output") return (offset ?? 0) + (bytes ?? 0);
  if (type === "console_gap") return to ?? null;
  return type === "subscribed" ? (offset ?? null) : null;
}

/**
 * One server watched through the general socket: a hub socket whose frames go to the client as they come.
 *
 * The hub sends on only to who acknowledges. Simple clients never do, so until the first `console_ack` of a client
 * the acknowledging is done here, after each frame passed on. A hub that restarts is met again where the text ended.
 */
export class Subscription {
  readonly serverId: string;
  readonly #around: SubscriptionSurroundings;
  #hub: Socket | null = null;
  #next: number | null = null;
  #clientAcknowledges = false;
  #reopenings = 0;
  #callOffReopening = () => {};
  #isClosed = false;

  constructor(serverId: string, around: SubscriptionSurroundings) {
    this.serverId = serverId;
    this.#around = around;
  }

  /** @throws Refusal when the server cannot be watched */
  async open(from: number | null): Promise<void> {
    const response = await watchServer(await this.#around.caller(), this.serverId, from);
    const hub = this.#around.ports.fromUpgrade(response);
    if (!hub) throw new Refusal("INTERNAL", "The node's hub refused the connection.");
    if (this.#isClosed) return hub.close(CLOSE.NORMAL, "");
    this.#hub = hub;
    this.#next = from;
    let bye: HubFrame | null = null;
    hub.onMessage((text) => {
      if (text === null || this.#hub !== hub) return;
      bye = this.#pass(hub, text) ?? bye;
    });
    hub.onClose((code) =>
      this.#lost(hub, bye?.code ?? code, bye?.reason ?? "the connection to the node's hub was lost"),
    );
  }

  /** Passes a frame of the hub on, but for a `bye`, which is between the hub and us. */
  #pass(hub: Socket, text: string): HubFrame | null {
    const frame = readFrame(text);
    // The hub passes a node's console frames on unread. A stolen node must not speak for a server of another node,
    // which this client may be watching on the same socket.
    if (!frame || (frame.serverId !== undefined && frame.serverId !== this.serverId)) return null;
    if (frame.type === "bye") {
      // The close itself may come seconds later: a hibernating socket ends its connection lazily.
      this.#lost(hub, frame.code ?? CLOSE.RESTART, frame.reason ?? "");
      return frame;
    }
    this.#around.toClient(text);
    this.#reopenings = 0;
    const next = offsetAfter(frame);
    if (next === null) return null;
    this.#next = next;
    if (!this.#clientAcknowledges && frame.type !== "subscribed") this.#acknowledge(next);
    return null;
  }

  #acknowledge(offset: number): void {
    this.#hub?.send(JSON.stringify({ type: "console_ack", serverId: this.serverId, offset }));
  }

  /** The client acknowledges by itself: from here on its word counts. */
  acknowledge(offset: number, text: string): void {
    this.#clientAcknowledges = true;
    this.#next = offset;
    this.#hub?.send(text);
  }

  /** @throws Refusal NODE_OFFLINE while the hub is away */
  relay(text: string): void {
    if (!this.#hub) throw new Refusal("NODE_OFFLINE", "The connection to the node is being made again.");
    this.#hub.send(text);
  }

  #lost(hub: Socket, code: number, reason: string): void {
    if (this.#hub !== hub || this.#isClosed) return;
    this.#hub = null;
    hub.close(CLOSE.NORMAL, "");
    const isFinal = code >= 4000;
    if (isFinal || this.#reopenings >= REOPENINGS_MAX) {
      this.#isClosed = true;
      this.#around.ended(isFinal ? (code as CloseCode) : CLOSE.RESTART, reason);
      return;
    }
    const delayMs = REOPEN_FIRST_MS * 2 ** this.#reopenings++ * (0.5 + Math.random());
    this.#callOffReopening = this.#around.ports.later(delayMs, () => void this.#reopen());
  }

  async #reopen(): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.open(this.#next);
    } catch (error) {
      if (this.#isClosed) return;
      this.#isClosed = true;
      const refusal = refusalOf(error);
      this.#around.ended(closeCodeOf(refusal.code), refusal.message);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#callOffReopening();
    this.#hub?.close(CLOSE.NORMAL, "");
    this.#hub = null;
  }
}
