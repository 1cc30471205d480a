/**
 * A viewer as `api.md` describes one, written from the contract and not from the panel's code: it keeps the bytes it
 * was sent by their offsets, acknowledges them, reconnects from where it was, and fills the stated gaps from history.
 */
import WebSocket from "ws";
import { VIEWER_ACK_BYTES } from "../../protocol/limits.ts";
import { until } from "./until.ts";

/** Where to look, and as whom. */
interface Access {
  url: string;
  token: string;
}

interface Piece {
  offset: number;
  bytes: number;
  text: string;
}

export class ConsoleViewer {
  readonly frames: Record<string, unknown>[] = [];
  readonly gaps: { from: number; to: number }[] = [];
  /** Offset after the last byte received or stated as a gap. */
  next: number | null = null;
  /** Broken promises of the stream: text twice, out of order, or a hole that no gap names. */
  readonly faults: string[] = [];
  #pieces: Piece[] = [];
  #socket: WebSocket | null = null;
  #listeners = new Set<() => void>();
  #acked = 0;
  #access: Access;
  #serverId: string;
  #isClosed = false;
  /** Keeps frames and text for assertions; switched off for viewers that only make load. */
  #keeps: boolean;

  constructor(access: Access, serverId: string, keeps = true) {
    this.#access = access;
    this.#serverId = serverId;
    this.#keeps = keeps;
  }

  /** Connects, and comes back by itself after every loss until `close`. */
  async connect(): Promise<void> {
    this.#dial();
    await until("the viewer has joined", () => this.frames.some((frame) => frame.type === "subscribed"));
  }

  /** Cuts the connection as a lost network does; the viewer comes back at once. */
  drop(): void {
    this.#socket?.terminate();
  }

  send(frame: Record<string, unknown>): void {
    this.#socket?.send(JSON.stringify({ serverId: this.#serverId, ...frame }));
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  /** Resolves as soon as a frame from now on completes this text. */
  waitForText(text: string, deadlineMs = 20_000): Promise<void> {
    const from = this.text.length;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        reject(new Error(`waited ${deadlineMs} ms in vain for ${JSON.stringify(text)}`));
      }, deadlineMs);
      const look = () => {
        if (!this.text.slice(from).includes(text)) return;
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
    });
  }

  /** The text received so far, gaps left out. */
  get text(): string {
    return this.#pieces.map((piece) => piece.text).join("");
  }

  /** The text from the first byte received to the last, every stated gap filled from the history route. */
  async completeText(): Promise<string> {
    const filled: Piece[] = [...this.#pieces];
    for (const gap of this.gaps) {
      for (let from = gap.from; from < gap.to; ) {
        const limit = Math.min(gap.to - from, 1024 * 1024);
        const logs = await this.#history(from, limit);
        if (logs.from !== from || logs.to === logs.from) throw new Error(`history gave ${logs.from} for ${from}`);
        filled.push({ offset: from, bytes: logs.to - logs.from, text: logs.data });
        from = logs.to;
      }
    }
    filled.sort((a, b) => a.offset - b.offset);
    let end = filled[0]?.offset ?? 0;
    for (const piece of filled) {
      if (piece.offset !== end) throw new Error(`a hole or an overlap at ${end}: next piece starts at ${piece.offset}`);
      end += piece.bytes;
    }
    return filled.map((piece) => piece.text).join("");
  }

  async #history(from: number, limit: number): Promise<{ data: string; from: number; to: number }> {
    const url = `${this.#access.url}/api/servers/${this.#serverId}/logs?from=${from}&limit=${limit}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${this.#access.token}` } });
    const { data } = (await response.json()) as { data?: { data: string; from: number; to: number } };
    if (!data) throw new Error(`history from ${from}: ${response.status}`);
    return data;
  }

  #dial(): void {
    const from = this.next === null ? "" : `?from=${this.next}`;
    const url = `${this.#access.url.replace("http", "ws")}/api/servers/${this.#serverId}/console${from}`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${this.#access.token}` } });
    this.#socket = socket;
    this.#acked = this.next ?? 0;
    socket.on("message", (data) => this.#receive(JSON.parse(String(data))));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!this.#isClosed && this.#socket === socket) setTimeout(() => this.#dial(), 100 + Math.random() * 200);
    });
  }

  #receive(frame: Record<string, unknown>): void {
    if (this.#keeps || frame.type === "subscribed") this.frames.push(frame);
    if (frame.type === "console_output" || frame.type === "install_output") {
      const piece = { offset: frame.offset as number, bytes: frame.bytes as number, text: frame.data as string };
      this.#advance(piece.offset, piece.offset + piece.bytes);
      if (this.#keeps) this.#pieces.push(piece);
    } else if (frame.type === "console_gap") {
      const gap = { from: frame.from as number, to: frame.to as number };
      this.#advance(gap.from, gap.to);
      if (this.#keeps) this.gaps.push(gap);
    } else if (frame.type === "bye") {
      this.#socket?.terminate();
    }
    for (const listener of this.#listeners) listener();
    const isQuiet = frame.type === "subscribed";
    if (this.next !== null && (isQuiet || this.next - this.#acked >= VIEWER_ACK_BYTES)) this.#acknowledge();
    else this.#acknowledgeSoon();
  }

  #advance(from: number, to: number): void {
    if (this.next !== null && from !== this.next) this.faults.push(`expected ${this.next}, was sent ${from}`);
    this.next = to;
  }

  #ackTimer: NodeJS.Timeout | null = null;
  #acknowledgeSoon(): void {
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = null;
      this.#acknowledge();
    }, 100);
  }

  #acknowledge(): void {
    if (this.next === null || this.next === this.#acked || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#acked = this.next;
    this.send({ type: "console_ack", offset: this.next });
  }
}
