/**
 * The live text of one server: follows the log and sends what was appended, a frame a step, as fast as credit and
 * pace allow. Holds nothing but its position and at most one read-ahead.
 */
import {
  AGENT_CREDIT_BYTES,
  AGENT_CREDIT_TIMEOUT_MS,
  CONSOLE_BACKLOG_MAX_BYTES,
  CONSOLE_BURST_BYTES,
  CONSOLE_COALESCE_MS,
  CONSOLE_FRAME_MAX_BYTES,
  CONSOLE_REPLAY_MAX_BYTES,
  CONSOLE_SUSTAINED_BYTES_PER_SECOND,
} from "../../protocol/limits.ts";
import type { ConsoleLog } from "./console-log.ts";
import { FloodCap } from "./flood-cap.ts";
import { FramePace } from "./frame-pace.ts";
import { characterEnd, displayStart, encodeTextFrame, frameEnd, type TextFrame } from "./text-frames.ts";

const READ_BYTES = 256 * 1024;
const LINE_SEARCH_BYTES = 8 * 1024;
/** Pause before a frame that the sink refused is tried again; the link's loss normally ends the stream before. */
const SINK_RETRY_MS = 250;
const NO_BYTES = Buffer.alloc(0);

/** What a step left: go on at once, wait for growth or credit, or come again after some milliseconds. */
export type StepResult = "more" | "idle" | { afterMs: number };

export interface LiveStreamOptions {
  serverId: string;
  log: ConsoleLog;
  send: (frame: string) => boolean;
  frameType: () => TextFrame["type"];
}

export class LiveStream {
  readonly #options: LiveStreamOptions;
  readonly #pace = new FramePace(CONSOLE_COALESCE_MS);
  readonly #cap = new FloodCap(CONSOLE_BURST_BYTES, CONSOLE_SUSTAINED_BYTES_PER_SECOND);
  /** Absolute offset of the next byte to send. */
  #position = 0;
  #creditedTo = 0;
  /** Since when the stream waits for credit; null while it need not. */
  #blockedSince: number | null = null;
  /** Read and not sent, the first byte at `#position`. */
  #ahead: Buffer = NO_BYTES;
  /** The text after `#ahead` is lost: what is there goes out even without a line end. */
  #holeFollows = false;
  #partialLineSince: number | null = null;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
  }

  get position(): number {
    return this.#position;
  }

  /** Begins at the log's present end, before a character that is only half written. */
  async seekEnd(): Promise<void> {
    const { latest } = await this.#options.log.bounds();
    const from = Math.max(0, latest - 3);
    const chunk = await this.#options.log.read(from, latest - from);
    const isWhole = chunk.offset === from && chunk.bytes.length === latest - from;
    this.#position = isWhole ? from + characterEnd(chunk.bytes, 0, chunk.bytes.length) : latest;
    this.#creditedTo = this.#position;
  }

  credit(offset: number): void {
    this.#creditedTo = Math.min(Math.max(this.#creditedTo, offset), this.#position);
    this.#blockedSince = null;
  }

  /** Sends at most one frame. */
  async step(): Promise<StepResult> {
    const now = performance.now();
    const blockedMs = Math.max(this.#blockedMs(now), this.#cap.delayMs(now));
    if (blockedMs > 0) return { afterMs: blockedMs };

    if (this.#ahead.length < CONSOLE_FRAME_MAX_BYTES && !this.#holeFollows) {
      const wasSent = await this.#readAhead();
      if (!wasSent) return { afterMs: SINK_RETRY_MS };
    }
    if (this.#ahead.length === 0) {
      if (!this.#holeFollows) return "idle";
      this.#holeFollows = false;
      return "more";
    }

    const isFull = this.#ahead.length >= CONSOLE_FRAME_MAX_BYTES;
    const paceMs = isFull ? 0 : this.#pace.delayMs(now);
    if (paceMs > 0) return { afterMs: paceMs };

    const cut = this.#cut(now);
    if (typeof cut !== "number") return cut;
    if (!this.#sendText(cut)) return { afterMs: SINK_RETRY_MS };
    if (!isFull) this.#pace.take(now);
    return "more";
  }

  /** Milliseconds until the stream may go on without new credit; 0 when it may now. */
  #blockedMs(now: number): number {
    if (this.#position - this.#creditedTo < AGENT_CREDIT_BYTES) return 0;
    this.#blockedSince ??= now;
    const remaining = this.#blockedSince + AGENT_CREDIT_TIMEOUT_MS - now;
    if (remaining > 0) return remaining;
    this.#creditedTo = this.#position;
    this.#blockedSince = null;
    return 0;
  }

  /** Where the next frame ends, or what to wait for. */
  #cut(now: number): number | StepResult {
    const ahead = this.#ahead;
    if (this.#holeFollows) return frameEnd(ahead, 0, CONSOLE_FRAME_MAX_BYTES, true) || ahead.length;
    const atLine = frameEnd(ahead, 0, CONSOLE_FRAME_MAX_BYTES, false);
    if (atLine > 0) return atLine;
    this.#partialLineSince ??= now;
    const waitMs = this.#partialLineSince + CONSOLE_COALESCE_MS - now;
    if (waitMs > 0) return { afterMs: waitMs };
    return frameEnd(ahead, 0, CONSOLE_FRAME_MAX_BYTES, true) || "idle";
  }

  #sendText(cut: number): boolean {
    const { serverId, send, frameType } = this.#options;
    const bytes = this.#ahead.subarray(0, cut);
    const frame = {
      type: frameType(),
      serverId,
      offset: this.#position,
      bytes,
      requestId: null,
      timestamp: Date.now(),
    };
    if (!send(encodeTextFrame(frame))) return false;
    this.#cap.take(cut, performance.now());
    this.#position += cut;
    this.#ahead = cut === this.#ahead.length ? NO_BYTES : this.#ahead.subarray(cut);
    this.#partialLineSince = null;
    return true;
  }

  /** Reads what follows `#ahead`. False when a gap had to be stated and the link did not take it. */
  async #readAhead(): Promise<boolean> {
    const { log } = this.#options;
    const expected = this.#position + this.#ahead.length;
    const chunk = await log.read(expected, READ_BYTES);
    if (chunk.bytes.length === 0) return true;
    if (chunk.offset > expected) {
      if (this.#ahead.length > 0) {
        this.#holeFollows = true;
        return true;
      }
      return this.#skipTo(chunk.offset, chunk.bytes);
    }
    if (chunk.bytes.length === READ_BYTES) {
      const { latest } = await log.bounds();
      if (latest - this.#position > CONSOLE_BACKLOG_MAX_BYTES) return this.#skipToNewest(latest);
    }
    this.#ahead = this.#ahead.length === 0 ? chunk.bytes : Buffer.concat([this.#ahead, chunk.bytes]);
    return true;
  }

  async #skipToNewest(latest: number): Promise<boolean> {
    const chunk = await this.#options.log.read(latest - CONSOLE_REPLAY_MAX_BYTES, READ_BYTES);
    const skip = displayStart(chunk.bytes, LINE_SEARCH_BYTES);
    return this.#skipTo(chunk.offset + skip, chunk.bytes.subarray(skip));
  }

  #skipTo(to: number, ahead: Buffer): boolean {
    const { serverId, send } = this.#options;
    if (!send(JSON.stringify({ type: "console_gap", serverId, from: this.#position, to }))) return false;
    // As much as before is under way: text that was skipped needs no credit.
    this.#creditedTo += to - this.#position;
    this.#position = to;
    this.#ahead = ahead;
    this.#partialLineSince = null;
    return true;
  }
}
