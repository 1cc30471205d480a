/** An agent with one growing log, which follows the protocol's rules of credit, replay and joining. */
import type { HubToAgent } from "../../protocol/frames/hub-to-agent.ts";
import { AGENT_CREDIT_BYTES, AGENT_CREDIT_TIMEOUT_MS, CONSOLE_FRAME_MAX_BYTES } from "../../protocol/limits.ts";
import { consoleFrame, hello, SERVER_ID } from "./frames.ts";
import type { SimulatedWorld } from "./simulated-world.ts";

/** Without a `from` this much of the end is replayed. */
const TAIL_BYTES = 20_000;

export class SimulatedAgent {
  /** ASCII, so offsets are indexes. */
  log = "";
  socket: string | null = null;
  readonly #world: SimulatedWorld;
  /** Offset of the next live byte; null while the stream is closed. */
  #live: number | null = null;
  #credited = 0;
  #creditedAt = 0;
  #line = 0;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  get isStreaming(): boolean {
    return this.#live !== null;
  }

  /** True when everything written was sent to the hub. */
  get isDone(): boolean {
    return this.#live === null || this.#live === this.log.length;
  }

  write(bytes: number): void {
    const lines: string[] = [];
    for (let length = 0; length < bytes; length += 20) {
      this.#line += 1;
      lines.push(`line ${String(this.#line).padStart(14, "0")}`);
    }
    this.log += `${lines.join("\n")}\n`;
  }

  connect(): void {
    if (this.socket !== null) this.#world.drop(this.socket);
    this.#live = null;
    this.socket = this.#world.connectAgent();
    this.#world.send(this.socket, hello);
  }

  drop(): void {
    if (this.socket !== null) this.#world.drop(this.socket);
    this.socket = null;
    this.#live = null;
  }

  /** Handles one frame of the hub; false when none is there. */
  handleOne(): boolean {
    if (this.socket === null) return false;
    const frame = this.#world.receive<HubToAgent>(this.socket);
    if (frame === null) return false;
    if (frame.type === "console_open" && this.#live === null) {
      this.#live = this.log.length;
      this.#credit(this.#live);
    } else if (frame.type === "console_close") this.#live = null;
    else if (frame.type === "console_credit") this.#credit(frame.offset);
    else if (frame.type === "console_replay") this.#replay(frame.requestId, frame.from, frame.maxBytes);
    return true;
  }

  /** Sends one live frame when credit or its timeout allows; false when there is nothing to send. */
  streamOne(maxBytes = CONSOLE_FRAME_MAX_BYTES): boolean {
    if (this.socket === null || this.#live === null || this.#live === this.log.length) return false;
    if (this.#live - this.#credited >= AGENT_CREDIT_BYTES) {
      if (this.#world.now - this.#creditedAt < AGENT_CREDIT_TIMEOUT_MS) return false;
      this.#credit(this.#live);
    }
    const text = this.log.slice(this.#live, this.#live + maxBytes);
    this.#world.send(this.socket, consoleFrame(this.#live, text));
    this.#live += text.length;
    return true;
  }

  /** Skips to the newest text, as an agent far behind does. */
  skip(): void {
    if (this.socket === null || this.#live === null || this.#live === this.log.length) return;
    const [from, to] = [this.#live, this.log.length];
    this.#world.send(this.socket, { type: "console_gap", serverId: SERVER_ID, from, to });
    this.#live = to;
  }

  #credit(offset: number): void {
    this.#credited = offset;
    this.#creditedAt = this.#world.now;
  }

  #replay(requestId: string, from: number | null, maxBytes: number): void {
    const socket = this.socket!;
    const end = this.#live ?? this.log.length;
    let position = Math.min(from ?? Math.max(0, end - TAIL_BYTES), end);
    if (end - position > maxBytes) {
      const to = end - maxBytes;
      this.#world.send(socket, { type: "console_gap", serverId: SERVER_ID, from: position, to, requestId });
      position = to;
    }
    while (position < end) {
      const text = this.log.slice(position, Math.min(end, position + CONSOLE_FRAME_MAX_BYTES));
      this.#world.send(socket, consoleFrame(position, text, requestId));
      position += text.length;
    }
    this.#world.send(socket, { type: "console_replay_done", requestId, serverId: SERVER_ID, offset: end, oldest: 0 });
  }
}
