import type { Socket, SocketPort } from "../ports/sockets.ts";

/** One end of a socket whose other end a test holds. */
export class FakeSocket implements Socket {
  readonly sent: Record<string, unknown>[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly #onMessage: ((text: string | null) => void)[] = [];
  readonly #onClose: ((code: number, reason: string) => void)[] = [];

  send(text: string): void {
    if (!this.closed) this.sent.push(JSON.parse(text));
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  onMessage(listener: (text: string | null) => void): void {
    this.#onMessage.push(listener);
  }

  onClose(listener: (code: number, reason: string) => void): void {
    this.#onClose.push(listener);
  }

  /** The other end sends. */
  receive(frame: unknown): void {
    const text = frame === null || typeof frame === "string" ? frame : JSON.stringify(frame);
    for (const listener of this.#onMessage) listener(text);
  }

  /** The other end goes. */
  drop(code = 1006, reason = ""): void {
    for (const listener of this.#onClose) listener(code, reason);
  }

  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** Sockets and time in the hands of a test. */
export class FakeSockets implements SocketPort {
  /** Sockets accepted from clients, oldest first. */
  readonly accepted: FakeSocket[] = [];
  readonly #upgrades = new WeakMap<Response, FakeSocket>();
  timers: { delayMs: number; callback: () => void }[] = [];

  accept(): { socket: Socket; response: Response } {
    const socket = new FakeSocket();
    this.accepted.push(socket);
    return { socket, response: new Response(null, { headers: { "x-upgraded": "yes" } }) };
  }

  /** A hub's answer that carries this socket. */
  upgrade(socket: FakeSocket): Response {
    const response = new Response(null);
    this.#upgrades.set(response, socket);
    return response;
  }

  fromUpgrade(response: Response): Socket | null {
    return this.#upgrades.get(response) ?? null;
  }

  later(delayMs: number, callback: () => void): () => void {
    const timer = { delayMs, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Lets every timer of up to so many milliseconds fire. */
  elapse(delayMs: number): void {
    const due = this.timers.filter((timer) => timer.delayMs <= delayMs);
    this.timers = this.timers.filter((timer) => timer.delayMs > delayMs);
    for (const { callback } of due) callback();
  }
}
