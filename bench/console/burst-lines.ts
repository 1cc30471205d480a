/** The lines of a burst: numbered, all of one length, so that any harm done to them can be named. */

/** Length of a line with its line end. */
export const BURST_LINE_BYTES = 114;

const DIGITS = 7;
const PREFIX = "line ";
const FILL = ` ${"the quick brown fox jumps over the lazy dog ".repeat(3)}`;
const TAIL = `${FILL.slice(0, BURST_LINE_BYTES - PREFIX.length - DIGITS - 1)}\n`;

export function burstLine(index: number): string {
  return PREFIX + String(index).padStart(DIGITS, "0") + TAIL;
}

/** Lines `[from, to)` as one text. */
export function burstText(from: number, to: number): string {
  let text = "";
  for (let index = from; index < to; index++) text += burstLine(index);
  return text;
}

export interface Verdict {
  /** Lines that arrived nowhere whole. */
  lost: number;
  /** Pieces of text between two line ends that are no line of the burst. */
  torn: number;
  /** Whole lines that came after a later one, or a second time. */
  outOfOrder: number;
}

/** Compares the text that a viewer ended up with to the burst of `count` lines. */
export function judgeBurst(text: string, count: number): Verdict {
  const verdict: Verdict = { lost: 0, torn: 0, outOfOrder: 0 };
  const seen = new Set<number>();
  let last = -1;
  for (const piece of text.split("\n")) {
    if (piece === "") continue;
    const index = Number(piece.slice(PREFIX.length, PREFIX.length + DIGITS));
    if (!Number.isInteger(index) || index >= count || `${piece}\n` !== burstLine(index)) {
      verdict.torn += 1;
      continue;
    }
    if (index <= last) verdict.outOfOrder += 1;
    last = index;
    seen.add(index);
  }
  if (text !== "" && !text.endsWith("\n")) verdict.torn += 1;
  verdict.lost = count - seen.size;
  return verdict;
}
