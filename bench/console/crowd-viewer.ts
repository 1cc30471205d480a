/**
 * A viewer that costs next to nothing: it reads a frame's offsets, acknowledges as `api.md` says, keeps the bytes, and
 * leaves all judging for after the measurement.
 */
import WebSocket from "ws";
import { VIEWER_ACK_BYTES, VIEWER_ACK_MS } from "../../protocol/limits.ts";
import { consoleRange } from "./frame-fields.ts";
import type { ConsoleTarget } from "./jobs.ts";

export interface Piece {
  offset: number;
  bytes: number;
  frame: Buffer;
}

export class CrowdViewer {
  /** Offset after the last byte received or stated as a gap. */
  next = 0;
  pieces: Piece[] = [];
  gaps: { from: number; to: number }[] = [];
  faults = 0;
  /** When the first and the last frame since `forget` came, in milliseconds. */
  firstAt = 0;
  lastAt = 0;
  extensions = "";
  /** Called with each frame of console text. */
  onText: (frame: Buffer) => void = () => {};
  #target: ConsoleTarget;
  #socket: WebSocket;
  #acked = 0;
  /** Whether `next` is known, so that the next frame can be held against it. */
  #hasPlace = false;
  #ackTimer: NodeJS.Timeout | null = null;
  #joined: Promise<void>;
  #setJoined: () => void = () => {};

  constructor(target: ConsoleTarget) {
    this.#target = target;
    const headers = target.panel ? { authorization: `Bearer ${target.panel.token}` } : {};
    // Compression is offered as every browser offers it: whether the other side takes it is part of what is measured.
    this.#socket = new WebSocket(target.socketUrl, { headers, skipUTF8Validation: true });
    this.#joined = new Promise((resolve, reject) => {
      this.#setJoined = resolve;
      this.#socket.once("error", reject);
      this.#socket.once("close", (code, reason) => reject(new Error(`the console closed: ${code} ${reason}`)));
    });
    this.#joined.catch(() => {});
    this.#socket.once("open", () => {
      this.extensions = this.#socket.extensions;
      if (!target.panel) this.#setJoined();
    });
    this.#socket.on("message", (data) => this.#receive(data as Buffer));
    this.#socket.on("error", () => {});
  }

  /** Resolves once live text flows; rejects when the socket closes before. */
  joined(): Promise<void> {
    return this.#joined;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Lets go of all text so far: a new measurement begins here. */
  forget(): void {
    this.pieces = [];
    this.gaps = [];
    this.faults = 0;
    this.firstAt = 0;
    this.lastAt = 0;
  }

  type(line: string): void {
    this.#send({ type: "console_input", data: line });
  }

  close(): void {
    if (this.#ackTimer) clearTimeout(this.#ackTimer);
    this.#socket.removeAllListeners("close");
    this.#socket.terminate();
  }

  #receive(frame: Buffer): void {
    const range = consoleRange(frame);
    if (range) {
      this.lastAt = performance.now();
      this.firstAt ||= this.lastAt;
      this.#advance(range.offset, range.offset + range.bytes);
      this.pieces.push({ ...range, frame });
      this.onText(frame);
      this.#acknowledge();
    } else {
      this.#receiveOther(JSON.parse(frame.toString()));
    }
  }

  #receiveOther(frame: { type: string; from: number; to: number; offset: number; error?: string }): void {
    if (frame.type === "console_gap") {
      this.#advance(frame.from, frame.to);
      this.gaps.push({ from: frame.from, to: frame.to });
      this.#acknowledge();
    } else if (frame.type === "subscribed") {
      this.#advance(frame.offset, frame.offset);
      this.#acknowledge();
      this.#setJoined();
    } else if (frame.type === "error" || frame.type === "bye") {
      throw new Error(`the console answered ${JSON.stringify(frame)}`);
    }
  }

  #advance(from: number, to: number): void {
    if (this.#hasPlace && from !== this.next) this.faults += 1;
    this.#hasPlace = true;
    this.next = to;
  }

  #acknowledge(): void {
    if (!this.#target.panel) return;
    if (this.next - this.#acked >= VIEWER_ACK_BYTES) this.#sendAck();
    else this.#ackTimer ??= setTimeout(() => this.#sendAck(), VIEWER_ACK_MS / 2);
  }

  #sendAck(): void {
    if (this.#ackTimer) clearTimeout(this.#ackTimer);
    this.#ackTimer = null;
    if (this.next === this.#acked) return;
    this.#acked = this.next;
    this.#send({ type: "console_ack", offset: this.next });
  }

  #send(frame: Record<string, unknown>): void {
    if (this.isOpen) this.#socket.send(JSON.stringify({ serverId: this.#target.serverId, ...frame }));
  }
}
