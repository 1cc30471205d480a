/** A viewer that puts its console together and fails at the first byte that is missing, doubled or out of order. */
import type { HubToClient } from "../../protocol/frames/hub-to-client.ts";
import { SERVER_ID } from "./frames.ts";
import type { SimulatedWorld } from "./simulated-world.ts";

interface Piece {
  from: number;
  /** Null for a stated gap. */
  text: string | null;
  to: number;
}

export class SimulatedViewer {
  readonly pieces: Piece[] = [];
  socket: string | null = null;
  /** Offset after the last byte it holds; null before the first. */
  position: number | null = null;
  acked = 0;
  readonly #world: SimulatedWorld;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  connect(): void {
    this.drop();
    this.socket = this.#world.connectViewer({ from: this.position });
  }

  drop(): void {
    if (this.socket !== null) this.#world.drop(this.socket);
    this.socket = null;
  }

  /** Whether its socket was ended by the hub or by a restart. */
  get isCutOff(): boolean {
    return this.socket === null || !this.#world.isOpen(this.socket);
  }

  /** Handles one frame; false when none is there. */
  handleOne(): boolean {
    if (this.socket === null) return false;
    const frame = this.#world.receive<HubToClient>(this.socket);
    if (frame === null) return false;
    if (frame.type === "console_output") this.#take(frame.offset, frame.offset + frame.bytes, frame.data);
    else if (frame.type === "console_gap") this.#take(frame.from, frame.to, null);
    else if (frame.type === "subscribed") {
      if (this.position !== null && this.position !== frame.offset)
        throw new Error(`joined at ${frame.offset} while holding ${this.position}`);
      this.position = frame.offset;
    } else if (frame.type === "error") throw new Error(`refused: ${frame.error}`);
    return true;
  }

  ack(): void {
    if (this.socket === null || this.position === null || this.acked === this.position) return;
    this.acked = this.position;
    this.#world.send(this.socket, { type: "console_ack", serverId: SERVER_ID, offset: this.position });
  }

  get gapCount(): number {
    return this.pieces.filter(({ text }) => text === null).length;
  }

  /** Its text from its first byte on, gaps filled from the log as the history route would. */
  filledFrom(log: string): { from: number; text: string } {
    const text = this.pieces.map((piece) => piece.text ?? log.slice(piece.from, piece.to)).join("");
    return { from: this.pieces[0]?.from ?? log.length, text };
  }

  #take(from: number, to: number, text: string | null): void {
    if (this.position !== null && from !== this.position)
      throw new Error(`${text === null ? "gap" : "text"} at ${from} while holding ${this.position}`);
    if (to <= from) throw new Error(`nothing in [${from}, ${to})`);
    this.pieces.push({ from, to, text });
    this.position = to;
  }
}
