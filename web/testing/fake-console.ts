/** A console log, a hub and a socket in memory, for tests of the console session. */
import type { LogsReply } from "../../protocol/agent-replies.ts";
import type { ClientToHub } from "../../protocol/frames/client-to-hub.ts";
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import type { ConsoleSocketHandlers, OpenSocket } from "../console/console-socket.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A growing log addressed by byte; reads end between characters, as the agent's do. */
export class FakeLog {
  #bytes = new Uint8Array(0);
  oldest = 0;

  get end(): number {
    return this.#bytes.length;
  }

  append(text: string): void {
    const added = encoder.encode(text);
    const joined = new Uint8Array(this.#bytes.length + added.length);
    joined.set(this.#bytes);
    joined.set(added, this.#bytes.length);
    this.#bytes = joined;
  }

  text(from = 0, to = this.end): string {
    return decoder.decode(this.#bytes.subarray(from, to));
  }

  /** The nearest boundary between characters at or before `offset`. */
  boundary(offset: number): number {
    let at = Math.min(offset, this.end);
    while (at > 0 && at < this.end && (this.#bytes[at]! & 0xc0) === 0x80) at -= 1;
    return at;
  }

  read(range: { from: number; limit: number }): LogsReply {
    const from = Math.max(range.from, this.oldest);
    const to = this.boundary(from + range.limit);
    return { data: this.text(from, to), from, to, oldest: this.oldest, latest: this.end };
  }
}

/** Opens one socket whose other end the test plays. */
export class FakeSocket {
  readonly sent: ClientToHub[] = [];
  isOpen = false;
  /** Whether the client wants to be connected. */
  wanted = true;
  reconnects = 0;
  from: () => number | null = () => null;
  #handlers: ConsoleSocketHandlers | null = null;

  readonly open: OpenSocket = (_serverId, from, handlers) => {
    this.from = from;
    this.#handlers = handlers;
    return {
      send: (text) => {
        if (!this.isOpen) return false;
        this.sent.push(JSON.parse(text) as ClientToHub);
        return true;
      },
      close: () => {
        this.isOpen = false;
        this.wanted = false;
      },
      reconnect: () => {
        this.isOpen = false;
        this.wanted = true;
        this.reconnects += 1;
      },
    };
  };

  accept(): void {
    this.isOpen = true;
    this.#handlers?.open();
  }

  drop(code: number): void {
    this.isOpen = false;
    this.#handlers?.close(code);
  }

  deliver(frame: HubToClient): void {
    this.#handlers?.message(JSON.stringify(frame));
  }

  /** The text `[from, to)` of a log as one frame. */
  deliverText(log: FakeLog, from: number, to: number): void {
    this.deliver({
      type: "console_output",
      serverId: "s",
      stream: "stdout",
      data: log.text(from, to),
      offset: from,
      bytes: to - from,
      timestamp: 0,
    });
  }
}
