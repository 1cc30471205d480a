/**
 * The text of one console as this browser holds it: segments of text and gaps, by absolute byte offset. Pure.
 *
 * Invariant: segments touch, in order, from `start` to `end`.
 */
export type Segment =
  | { kind: "text"; from: number; to: number; text: string }
  | { kind: "gap"; from: number; to: number; lost: boolean };
export type Gap = Extract<Segment, { kind: "gap" }>;

/** Small pieces are joined up to this many characters, so that a long console stays a short list. */
const SEGMENT_MAX_CHARS = 64 * 1024;

export class ConsoleDocument {
  #segments: Segment[] = [];
  #start = 0;
  #end = 0;
  #chars = 0;
  readonly #retainChars: number;
  #retainAtLeast = 0;

  /** @param retainChars characters kept; older ones are dropped, and can be loaded again. */
  constructor(retainChars: number) {
    this.#retainChars = retainChars;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get gaps(): Gap[] {
    return this.#segments.filter((segment) => segment.kind === "gap");
  }

  /** All text that is held, gaps left out. */
  text(): string {
    return this.#segments.map((segment) => (segment.kind === "text" ? segment.text : "")).join("");
  }

  restart(offset: number): void {
    this.#segments = [];
    this.#start = offset;
    this.#end = offset;
    this.#chars = 0;
  }

  append(text: string, to: number): void {
    const last = this.#segments.at(-1);
    if (last?.kind === "text" && last.text.length + text.length <= SEGMENT_MAX_CHARS) {
      last.text += text;
      last.to = to;
    } else {
      this.#segments.push({ kind: "text", from: this.#end, to, text });
    }
    this.#end = to;
    this.#chars += text.length;
  }

  appendGap(to: number, lost: boolean): void {
    const last = this.#segments.at(-1);
    if (last?.kind === "gap" && last.lost === lost) last.to = to;
    else this.#segments.push({ kind: "gap", from: this.#end, to, lost });
    this.#end = to;
  }

  /** Puts older text in front. It must end where the document starts; other text is refused. */
  prepend(text: string, from: number, to: number): boolean {
    if (to !== this.#start || from >= to) return false;
    this.#segments.unshift({ kind: "text", from, to, text });
    this.#start = from;
    this.#chars += text.length;
    return true;
  }

  /** Replaces the beginning of a gap by the text of `[gap.from, to)`, or all of it when it reaches the gap's end. */
  fill(gapFrom: number, text: string, to: number): void {
    const index = this.#segments.findIndex((segment) => segment.kind === "gap" && segment.from === gapFrom);
    const gap = this.#segments[index];
    if (gap?.kind !== "gap" || to <= gap.from || to > gap.to) return;
    const rest: Segment[] = to < gap.to ? [{ kind: "gap", from: to, to: gap.to, lost: gap.lost }] : [];
    this.#segments.splice(index, 1, { kind: "text", from: gap.from, to, text }, ...rest);
    this.#chars += text.length;
  }

  /** Says that the beginning of a gap, up to `to`, cannot be had any more. */
  markLost(gapFrom: number, to: number): void {
    const index = this.#segments.findIndex((segment) => segment.kind === "gap" && segment.from === gapFrom);
    const gap = this.#segments[index];
    if (gap?.kind !== "gap") return;
    const end = Math.min(to, gap.to);
    const rest: Segment[] = end < gap.to ? [{ kind: "gap", from: end, to: gap.to, lost: false }] : [];
    this.#segments.splice(index, 1, { kind: "gap", from: gap.from, to: end, lost: true }, ...rest);
  }

  /** Keeps more than usual, while somebody reads further back; 0 is back to usual. */
  retainAtLeast(chars: number): void {
    this.#retainAtLeast = chars;
  }

  /** Drops the oldest segments while more is held than shall be. */
  trim(): void {
    const retain = Math.max(this.#retainChars, this.#retainAtLeast);
    while (this.#chars > retain && this.#segments.length > 1) {
      const first = this.#segments.shift()!;
      if (first.kind === "text") this.#chars -= first.text.length;
      this.#start = first.to;
    }
  }
}
