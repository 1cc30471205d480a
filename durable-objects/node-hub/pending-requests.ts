/** Requests that the agent has not answered yet. They live in memory: a hub that lost them lost its askers too. */
import type { HubReply } from "../../protocol/hub-rpc.ts";
import type { SocketId } from "./socket-id.ts";

/** Who waits for the answer. */
export type Waiter =
  /** A method call of the Worker. */
  | { kind: "rpc"; key: string }
  /** A viewer that pressed a power button. */
  | { kind: "power"; viewer: SocketId; commandId: string }
  /** A viewer that typed a line: told only when it failed. */
  | { kind: "input"; viewer: SocketId };

/** Requests of one hub, and of one viewer, under way at a time; more are refused. */
export const PENDING_MAX = 2_000;
export const PENDING_PER_VIEWER_MAX = 32;

export const NODE_OFFLINE: HubReply = { ok: false, code: "NODE_OFFLINE", error: "The node is offline." };
export const AGENT_TIMEOUT: HubReply = { ok: false, code: "AGENT_TIMEOUT", error: "The node did not answer in time." };
export const TOO_MANY_REQUESTS: HubReply = {
  ok: false,
  code: "RATE_LIMITED",
  error: "Too many requests to this node are under way.",
};

interface Pending {
  waiter: Waiter;
  expiresAt: number;
}

export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  readonly #perViewer = new Map<SocketId, number>();
  #suffix = 0;

  /**
   * Registers a request and returns the id to send it under, or null when too many are under way. Askers choose their
   * request ids, so two may choose the same: the later one is sent under an id of its own.
   */
  add(requestId: string, waiter: Waiter, expiresAt: number): string | null {
    if (this.#pending.size >= PENDING_MAX) return null;
    if (waiter.kind !== "rpc") {
      const count = this.#perViewer.get(waiter.viewer) ?? 0;
      if (count >= PENDING_PER_VIEWER_MAX) return null;
      this.#perViewer.set(waiter.viewer, count + 1);
    }
    let wireId = requestId;
    while (this.#pending.has(wireId)) {
      this.#suffix += 1;
      wireId = `${requestId.slice(0, 100)}.${this.#suffix}`;
    }
    this.#pending.set(wireId, { waiter, expiresAt });
    return wireId;
  }

  /** Removes and returns who waits for `wireId`; null for an answer that nobody waits for any more. */
  take(wireId: string): Waiter | null {
    const pending = this.#pending.get(wireId);
    if (!pending) return null;
    this.#pending.delete(wireId);
    const { waiter } = pending;
    if (waiter.kind !== "rpc") {
      const count = (this.#perViewer.get(waiter.viewer) ?? 1) - 1;
      if (count > 0) this.#perViewer.set(waiter.viewer, count);
      else this.#perViewer.delete(waiter.viewer);
    }
    return waiter;
  }

  /** Removes and returns whoever waited past the deadline. */
  takeExpired(now: number): Waiter[] {
    const expired: Waiter[] = [];
    for (const [wireId, { expiresAt }] of this.#pending) {
      if (expiresAt <= now) expired.push(this.take(wireId)!);
    }
    return expired;
  }

  takeAll(): Waiter[] {
    return [...this.#pending.keys()].map((wireId) => this.take(wireId)!);
  }
}
