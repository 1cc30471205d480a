/** One `console_replay`: sends `[from, live position)` of a log under its request id, a frame a step. */
import { CONSOLE_FRAME_MAX_BYTES } from "../../protocol/limits.ts";
import type { ConsoleLog } from "./console-log.ts";
import { displayStart, encodeTextFrame, frameEnd, type TextFrame } from "./text-frames.ts";

/** Read at once and then cut: larger than a frame, so that cuts find line ends. */
const READ_BYTES = 256 * 1024;
/** How far a line end is looked for when text begins in the middle of the log. */
const LINE_SEARCH_BYTES = 8 * 1024;
const NO_BYTES = Buffer.alloc(0);

export interface ReplayRequest {
  serverId: string;
  requestId: string;
  from: number | null;
  maxBytes: number;
}

export class Replay {
  readonly #request: ReplayRequest;
  readonly #log: ConsoleLog;
  readonly #type: TextFrame["type"];
  readonly #send: (frame: string) => boolean;
  #position: number | null = null;
  #end = 0;
  #oldest = 0;
  #buffer: Buffer = NO_BYTES;

  constructor(request: ReplayRequest, log: ConsoleLog, type: TextFrame["type"], send: (frame: string) => boolean) {
    this.#request = request;
    this.#log = log;
    this.#type = type;
    this.#send = send;
  }

  /**
   * Does the next step.
   *
   * @param livePosition where live text goes on; it must not move until the replay is done.
   * @returns true when the replay is over, because all was sent or because the link is down.
   */
  async step(livePosition: number): Promise<boolean> {
    if (this.#position === null) return !(await this.#begin(livePosition));
    if (this.#position >= this.#end) return this.#finish();
    return !(await this.#sendText(this.#position));
  }

  /** Ends a replay whose log cannot be read: what is missing is stated as a gap. */
  abandon(livePosition: number): void {
    const { serverId, requestId, from } = this.#request;
    if (this.#position === null) this.#end = this.#oldest = livePosition;
    const missingFrom = this.#position ?? from ?? livePosition;
    if (missingFrom < this.#end) {
      this.#send(JSON.stringify({ type: "console_gap", serverId, from: missingFrom, to: this.#end, requestId }));
    }
    this.#finish();
  }

  async #begin(livePosition: number): Promise<boolean> {
    const { from, maxBytes, serverId, requestId } = this.#request;
    const { oldest } = await this.#log.bounds();
    this.#end = livePosition;
    this.#oldest = Math.min(oldest, livePosition);
    const earliest = Math.max(this.#oldest, livePosition - maxBytes, 0);
    let start = Math.min(Math.max(from ?? 0, earliest), livePosition);
    // Text that begins where the reader has not been begins at a line.
    if (start !== from && start > this.#oldest && start < livePosition) start += await this.#partialLine(start);
    this.#position = start;
    if (from === null || start <= from) return true;
    return this.#send(JSON.stringify({ type: "console_gap", serverId, from, to: start, requestId }));
  }

  async #partialLine(start: number): Promise<number> {
    const chunk = await this.#log.read(start, Math.min(LINE_SEARCH_BYTES, this.#end - start));
    return chunk.offset === start ? displayStart(chunk.bytes, LINE_SEARCH_BYTES) : 0;
  }

  async #sendText(position: number): Promise<boolean> {
    const { serverId, requestId } = this.#request;
    if (this.#buffer.length < CONSOLE_FRAME_MAX_BYTES && position + this.#buffer.length < this.#end) {
      const expected = position + this.#buffer.length;
      const chunk = await this.#log.read(expected, Math.min(READ_BYTES, this.#end - expected));
      const isHole = chunk.offset > expected || chunk.bytes.length === 0;
      if (isHole && this.#buffer.length === 0) {
        const to = chunk.bytes.length === 0 ? this.#end : Math.min(chunk.offset, this.#end);
        this.#position = to;
        return this.#send(JSON.stringify({ type: "console_gap", serverId, from: position, to, requestId }));
      }
      if (!isHole) this.#buffer = Buffer.concat([this.#buffer, chunk.bytes]);
    }
    const cut = frameEnd(this.#buffer, 0, CONSOLE_FRAME_MAX_BYTES, true) || this.#buffer.length;
    const bytes = this.#buffer.subarray(0, cut);
    this.#buffer = this.#buffer.subarray(cut);
    this.#position = position + cut;
    return this.#send(
      encodeTextFrame({ type: this.#type, serverId, offset: position, bytes, requestId, timestamp: Date.now() }),
    );
  }

  #finish(): true {
    const { serverId, requestId } = this.#request;
    const done = { type: "console_replay_done", requestId, serverId, offset: this.#end, oldest: this.#oldest };
    this.#send(JSON.stringify(done));
    return true;
  }
}
