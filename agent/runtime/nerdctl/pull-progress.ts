/** What `nerdctl pull` says of itself, in numbers and in words. Pure. */

export interface PullProgress {
  layerCount: number;
  doneCount: number;
  /** 0 to 100, each layer counting alike: sizes of layers that wait are not known. */
  percent: number;
  /** Fetched so far, as nerdctl writes it; empty when it said nothing. */
  fetched: string;
}

const LAYER =
  /layer-(sha256:[0-9a-f]+)\s+(\w+)\s*\t?\|[^|]*\|[ \t]*(?:([\d.]+) ?(B|[KMGT]iB)\/([\d.]+) ?(B|[KMGT]iB))?/g;
const TOTAL = /total:\s+([\d.]+)\s*([KMGT]i|B)?/g;
const UNITS: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const DONE = new Set(["complete", "extracted", "exists", "done"]);
/** All bytes are there, and are still being unpacked. */
const FETCHED = new Set(["extracting", "downloaded"]);

const bytes = (figure: string, unit: string) => Number(figure) * (UNITS[unit] ?? 1);

/**
 * Reads the newest picture of a pull out of a piece of output; layers seen in earlier pieces are passed on in `known`.
 *
 * @returns null when the piece shows no layer.
 */
export function readProgress(text: string, known: Map<string, number>): PullProgress | null {
  for (const [, digest, status, have, haveUnit, whole, wholeUnit] of text.matchAll(LAYER)) {
    let share = 0;
    if (DONE.has(status!)) share = 1;
    else if (FETCHED.has(status!)) share = 0.99;
    else if (have && whole) share = Math.min(0.99, bytes(have, haveUnit!) / Math.max(1, bytes(whole, wholeUnit!)));
    known.set(digest!, Math.max(known.get(digest!) ?? 0, share));
  }
  if (known.size === 0) return null;
  const shares = [...known.values()];
  const total = [...text.matchAll(TOTAL)].at(-1);
  const unit = total?.[2] === undefined || total[2] === "B" ? "B" : `${total[2]}B`;
  return {
    layerCount: shares.length,
    doneCount: shares.filter((share) => share === 1).length,
    percent: Math.floor((shares.reduce((sum, share) => sum + share, 0) / shares.length) * 100),
    fetched: total ? `${total[1]} ${unit}` : "",
  };
}

export function progressWords({ percent, layerCount, doneCount, fetched }: PullProgress): string {
  const amount = fetched === "" ? "" : `, ${fetched} fetched`;
  return `Pulling the image: ${percent} % (${doneCount} of ${layerCount} layers${amount}).`;
}
