/**
 * One browser's connection to one server's console: frames in, ordered text and states out.
 *
 *     connecting ── open ──▶ live ── lost, bye ──▶ reconnecting ── open ──▶ live
 *                              └── final close code ──▶ ended (with words; `reconnect` tries again)
 *
 * Text is acknowledged when the screen has taken it, which is what lets the hub send more: an acknowledgement goes out
 * at once after `VIEWER_ACK_BYTES` and otherwise within `VIEWER_ACK_MS`. Knows no DOM.
 */
import type { LogsReply } from "../../protocol/agent-replies.ts";
import { CLOSE, FINAL_CLOSE_CODES } from "../../protocol/close-codes.ts";
import type { ClientToHub } from "../../protocol/frames/client-to-hub.ts";
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import {
  CONSOLE_LOGS_MAX_BYTES,
  PING_INTERVAL_MS,
  PING_TEXT,
  VIEWER_ACK_BYTES,
  VIEWER_ACK_MS,
} from "../../protocol/limits.ts";
import { ConsoleAssembler } from "./console-assembler.ts";
import type { ConsoleSocket, OpenSocket } from "./console-socket.ts";
import { Timeout } from "./timeout.ts";

export type ConsoleStatus =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting" }
  | { kind: "ended"; code: number; message: string };

/** Where ordered text goes. */
export interface ConsoleSink {
  /** The log's text begins at `offset`; whatever was there before is void. */
  start(offset: number): void;
  /** `taken` must be called when the text is displayed or stored for good; it speaks for all text before it too. */
  text(data: string, from: number, to: number, taken: () => void): void;
  gap(from: number, to: number, lost: boolean): void;
}

/** Frames that are not console text, for whoever shows them. */
export type ConsoleNotice = Exclude<
  HubToClient,
  { type: "console_output" | "install_output" | "console_gap" | "subscribed" | "pong" | "bye" }
>;

export interface ConsoleSessionOptions {
  serverId: string;
  openSocket: OpenSocket;
  /** Reads a range of the log; rejects with `{permanent: true}` when asking again is no use. */
  fetchLogs(range: { from: number; limit: number }): Promise<LogsReply>;
  sink: ConsoleSink;
  onStatus(status: ConsoleStatus): void;
  onNotice(frame: ConsoleNotice): void;
}

const FILL_ATTEMPTS = 5;
const FILL_RETRY_MS = 1_000;
const SILENCE_CHECK_MS = 10_000;
/** Nothing at all for this long, though a ping asked for an answer: the connection is dead, whatever the socket says. */
const SILENCE_MAX_MS = PING_INTERVAL_MS + 15_000;
/** Everybody is sent away at once by a restart: each comes back at a moment of its own. */
const RETURN_JITTER_MS = 1_500;
const CROWDED_RETURN_MS = 5_000;

const ENDINGS: Record<number, string> = {
  [CLOSE.NOT_AUTHENTICATED]: "Your sign-in has ended.",
  [CLOSE.FORBIDDEN]: "You may not see this console.",
  [CLOSE.NO_SUCH_SERVER]: "This server does not exist any more.",
  [CLOSE.SUSPENDED]: "This server is suspended.",
};

export class ConsoleSession {
  readonly #options: ConsoleSessionOptions;
  readonly #assembler: ConsoleAssembler;
  readonly #socket: ConsoleSocket;
  #status: ConsoleStatus = { kind: "connecting" };
  /** After a `bye` the connection is over, whatever still arrives on it. */
  #saidBye = false;
  #disposed = false;
  #taken = 0;
  #acked = 0;
  readonly #ackTimeout = new Timeout();
  readonly #returnTimeout = new Timeout();
  readonly #retryTimeout = new Timeout();
  readonly #silenceTimer: ReturnType<typeof setInterval>;
  #lastFrameAt = Date.now();
  #lastPingAt = Date.now();
  /** Raised whenever a fill under way has become void. */
  #fillEpoch = 0;

  constructor(options: ConsoleSessionOptions) {
    this.#options = options;
    this.#assembler = new ConsoleAssembler({
      start: (offset) => {
        this.#taken = offset;
        this.#acked = offset;
        options.sink.start(offset);
      },
      text: (data, from, to) => options.sink.text(data, from, to, () => this.#onTaken(to)),
      gap: (from, to, lost) => options.sink.gap(from, to, lost),
      need: (from, to) => void this.#fill(from, to, this.#fillEpoch),
    });
    this.#socket = options.openSocket(options.serverId, () => this.#assembler.received, {
      open: () => this.#onOpen(),
      message: (text) => this.#onMessage(text),
      close: (code) => this.#onClose(code),
    });
    this.#silenceTimer = setInterval(() => this.#checkSilence(), SILENCE_CHECK_MS);
  }

  get status(): ConsoleStatus {
    return this.#status;
  }

  /** Types one line into the console. False when not connected: nothing is kept to be sent later. */
  sendLine(line: string): boolean {
    return this.#send({ type: "console_input", serverId: this.#options.serverId, data: line });
  }

  /** Connects again at once, also after an ending. */
  reconnect(): void {
    if (this.#disposed) return;
    this.#returnTimeout.clear();
    this.#saidBye = false;
    this.#lastFrameAt = Date.now();
    this.#setStatus({ kind: "reconnecting" });
    this.#socket.reconnect();
  }

  dispose(): void {
    this.#disposed = true;
    this.#fillEpoch += 1;
    clearInterval(this.#silenceTimer);
    this.#ackTimeout.clear();
    this.#returnTimeout.clear();
    this.#retryTimeout.clear();
    this.#socket.close();
  }

  #setStatus(status: ConsoleStatus): void {
    if (this.#disposed || (status.kind === this.#status.kind && status.kind !== "ended")) return;
    this.#status = status;
    this.#options.onStatus(status);
  }

  #send(frame: ClientToHub): boolean {
    return this.#status.kind === "live" && this.#socket.send(JSON.stringify(frame));
  }

  #onOpen(): void {
    this.#saidBye = false;
    this.#lastFrameAt = Date.now();
    this.#acked = Math.min(this.#acked, this.#taken);
    this.#setStatus({ kind: "live" });
  }

  #onClose(code: number): void {
    if (this.#disposed || this.#saidBye) return;
    if (FINAL_CLOSE_CODES.includes(code)) this.#end(code);
    else this.#setStatus(this.#status.kind === "connecting" ? this.#status : { kind: "reconnecting" });
  }

  #end(code: number): void {
    this.#setStatus({ kind: "ended", code, message: ENDINGS[code] ?? "The connection was ended." });
  }

  /** The close event may come ten seconds after a `bye`: the bye is what counts. */
  #onBye(code: number, reconnectAfterMs: number): void {
    this.#saidBye = true;
    this.#socket.close();
    if (FINAL_CLOSE_CODES.includes(code)) {
      this.#end(code);
      return;
    }
    this.#setStatus({ kind: "reconnecting" });
    const least = code === CLOSE.TOO_MANY ? CROWDED_RETURN_MS : 0;
    const delayMs = Math.max(reconnectAfterMs, least) + Math.random() * RETURN_JITTER_MS;
    this.#returnTimeout.set(delayMs, () => this.reconnect());
  }

  #onMessage(text: string): void {
    if (this.#disposed || this.#saidBye) return;
    this.#lastFrameAt = Date.now();
    let frame: HubToClient;
    try {
      frame = JSON.parse(text) as HubToClient;
    } catch {
      return;
    }
    switch (frame.type) {
      case "console_output":
      case "install_output":
        this.#assembler.text(frame.offset, frame.bytes, frame.data);
        break;
      case "console_gap":
        this.#assembler.gap(frame.to);
        break;
      case "subscribed":
        this.#onSubscribed(frame.offset);
        break;
      case "bye":
        this.#onBye(frame.code, frame.reconnectAfterMs);
        break;
      case "pong":
        break;
      default:
        this.#options.onNotice(frame);
    }
  }

  #onSubscribed(offset: number): void {
    const received = this.#assembler.received;
    if (received !== null && offset < received) {
      // Offsets never go back: this is another log, so the one shown is void. Its tail is asked for.
      this.#fillEpoch += 1;
      this.#assembler.restart();
      this.#send({ type: "subscribe", serverId: this.#options.serverId });
      return;
    }
    this.#assembler.gap(offset);
  }

  #onTaken(offset: number): void {
    if (this.#disposed) return;
    this.#taken = Math.max(this.#taken, offset);
    if (this.#taken - this.#acked >= VIEWER_ACK_BYTES) this.#ack();
    else if (!this.#ackTimeout.isSet) this.#ackTimeout.set(VIEWER_ACK_MS, () => this.#ack());
  }

  #ack(): void {
    this.#ackTimeout.clear();
    const offset = this.#taken;
    if (offset > this.#acked && this.#send({ type: "console_ack", serverId: this.#options.serverId, offset })) {
      this.#acked = offset;
    }
  }

  async #fill(from: number, to: number, epoch: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const reply = await this.#options.fetchLogs({ from, limit: Math.min(to - from, CONSOLE_LOGS_MAX_BYTES) });
        if (epoch === this.#fillEpoch) this.#assembler.history(reply.from, reply.to, reply.data);
        return;
      } catch (error) {
        if (epoch !== this.#fillEpoch) return;
        const isPermanent = (error as { permanent?: boolean } | null)?.permanent === true;
        if (isPermanent || attempt >= FILL_ATTEMPTS) return this.#assembler.giveUp();
      }
      await new Promise<void>((resolve) => this.#retryTimeout.set(FILL_RETRY_MS * 2 ** (attempt - 1), resolve));
      if (epoch !== this.#fillEpoch) return;
    }
  }

  #checkSilence(): void {
    const now = Date.now();
    if (this.#status.kind !== "live") return;
    if (now - this.#lastFrameAt > SILENCE_MAX_MS) {
      this.reconnect();
    } else if (
      now - this.#lastFrameAt >= PING_INTERVAL_MS - SILENCE_CHECK_MS &&
      now - this.#lastPingAt >= SILENCE_CHECK_MS
    ) {
      this.#lastPingAt = now;
      this.#socket.send(PING_TEXT);
    }
  }
}
