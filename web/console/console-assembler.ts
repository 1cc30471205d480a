/**
 * Puts console text in order. Pure: text, gaps and history come in, ordered text goes out.
 *
 * Invariant: what `text` and `gap` are called with, joined, covers `[start, delivered)` without overlap and without
 * hole, in order; and `[delivered, received)` is the gap being filled followed by what is held back behind it.
 */
import { sliceByBytes } from "./text-bytes.ts";

/** A gap up to this size is filled before later text is shown; a larger one is shown as a gap that can be loaded. */
export const GAP_FILL_MAX_BYTES = 4 * 1024 * 1024;

export interface AssemblerOutput {
  /** The first offset of all that follows. */
  start(offset: number): void;
  text(data: string, from: number, to: number): void;
  /** `[from, to)` will not be part of what follows. `lost`: the log does not hold it any more. */
  gap(from: number, to: number, lost: boolean): void;
  /** Asks for this range; answered by `history` or `giveUp`. Later text waits for it. */
  need(from: number, to: number): void;
}

type Piece = { kind: "text"; data: string; from: number; to: number } | { kind: "gap"; from: number; to: number };

export class ConsoleAssembler {
  readonly #output: AssemblerOutput;
  #received: number | null = null;
  #filling: { from: number; to: number } | null = null;
  #held: Piece[] = [];

  constructor(output: AssemblerOutput) {
    this.#output = output;
  }

  /** Offset after the last byte that is held here or known to be missing: where a reconnect goes on. */
  get received(): number | null {
    return this.#received;
  }

  /** Text as a frame brings it. What is here already is dropped; what came before without notice counts as a gap. */
  text(offset: number, bytes: number, data: string): void {
    const end = offset + bytes;
    if (bytes <= 0) return;
    const received = this.#begin(offset);
    if (end <= received) return;
    if (offset > received) this.gap(offset);
    if (offset >= received) {
      this.#received = end;
      this.#take({ kind: "text", data, from: offset, to: end });
      return;
    }
    const rest = sliceByBytes(data, bytes, received - offset, bytes);
    // What cannot be cut exactly is read from the log instead.
    if (rest === null) {
      this.gap(end);
      return;
    }
    this.#received = end;
    this.#take({ kind: "text", data: rest, from: received, to: end });
  }

  /** Nothing up to `to` will be sent that has not been. Before the first text that is only older history. */
  gap(to: number): void {
    const received = this.#begin(to);
    if (to <= received) return;
    this.#received = to;
    const last = this.#held.at(-1);
    if (last?.kind === "gap") last.to = to;
    else this.#take({ kind: "gap", from: received, to });
  }

  /** The answer to `need`, or the beginning of it. Text before the range is refused, text after it is cut off. */
  history(from: number, to: number, data: string): void {
    const range = this.#filling;
    if (!range) return;
    if (from > range.from) {
      const lostTo = Math.min(from, range.to);
      this.#output.gap(range.from, lostTo, true);
      range.from = lostTo;
    }
    const end = Math.min(to, range.to);
    if (from === range.from && end > from) {
      const piece = sliceByBytes(data, to - from, 0, end - from);
      if (piece === null) {
        this.giveUp();
        return;
      }
      this.#output.text(piece, from, end);
      range.from = end;
    } else if (range.from < range.to) {
      // No progress: the log cannot give it now.
      this.giveUp();
      return;
    }
    if (range.from < range.to) this.#output.need(range.from, range.to);
    else this.#goOn();
  }

  /** The range asked for cannot be had: it stays a gap, and what waited behind it follows. */
  giveUp(): void {
    const range = this.#filling;
    if (!range) return;
    this.#output.gap(range.from, range.to, false);
    this.#goOn();
  }

  /** Forgets everything: the log began anew. */
  restart(): void {
    this.#received = null;
    this.#filling = null;
    this.#held = [];
  }

  #begin(offset: number): number {
    if (this.#received === null) {
      this.#received = offset;
      this.#output.start(offset);
    }
    return this.#received;
  }

  #take(piece: Piece): void {
    if (this.#filling) this.#held.push(piece);
    else this.#deliver(piece);
  }

  #deliver(piece: Piece): void {
    const { from, to } = piece;
    if (piece.kind === "text") this.#output.text(piece.data, from, to);
    else if (to - from > GAP_FILL_MAX_BYTES) this.#output.gap(from, to, false);
    else {
      this.#filling = { from, to };
      this.#output.need(from, to);
    }
  }

  #goOn(): void {
    this.#filling = null;
    while (this.#held.length > 0 && !this.#filling) this.#deliver(this.#held.shift()!);
  }
}
