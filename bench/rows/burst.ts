/** A game that prints 50,000 lines as fast as it can, to 1 and to 50 viewers. */
import { type Bench, count, type Measurement } from "../bench.ts";
import { BURST_LINE_BYTES } from "../console/burst-lines.ts";
import { withCrowd } from "../console/crowd.ts";
import type { BurstResult, ConsoleTarget, ViewerBurst } from "../console/jobs.ts";
import { withRelay } from "../console/relay-target.ts";
import { withTalker } from "../console/talker-server.ts";
import { median } from "../percentile.ts";
import type { Row } from "../report.ts";

const LINES = 50_000;
const REPETITIONS = 5;
/** A server that floods without end is slowed down by its agent; what a burst used of its allowance comes back in this time. */
const REST_MS = 6_000;

interface Bursts {
  results: BurstResult[];
  extensions: string;
}

const bursts = (target: ConsoleTarget, viewers: number): Promise<Bursts> =>
  withCrowd(target, viewers, async (crowd) => {
    const results: BurstResult[] = [];
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
      if (repetition > 0) await new Promise((resolve) => setTimeout(resolve, REST_MS));
      results.push(await crowd.do({ kind: "burst", lines: LINES }));
    }
    return { results, extensions: crowd.extensions };
  });

/** Median over the repetitions of the median viewer's rate. */
const rate = ({ results }: Bursts) =>
  median(results.map(({ viewers }) => median(viewers.map((viewer) => viewer.linesPerSecond))));

function toRow(viewers: number, relay: Bursts, here: Bursts, bestOfField: string, targetRate: number): Row {
  const all = here.results.flatMap((result) => result.viewers);
  const sum = (key: keyof ViewerBurst) => all.reduce((total, viewer) => total + viewer[key], 0);
  const harm = sum("lost") + sum("torn") + sum("outOfOrder") + sum("faults");
  const hereRate = rate(here);
  const slowest = Math.min(...all.map((viewer) => viewer.linesPerSecond));
  const each = viewers > 1 ? " each" : "";
  const commandToLastMs = median(here.results.map((result) => result.commandToLastMs));
  return {
    name: "burst",
    work: `burst of ${count(LINES)} lines of ${BURST_LINE_BYTES} bytes, ${viewers === 1 ? "1 viewer" : `to each of ${viewers} viewers`}`,
    bestOfField,
    target: `≥ ${count(targetRate)} lines/s${each}; none lost, torn or out of order`,
    here: `${count(hereRate)} lines/s${each}; ${sum("lost")} lost, ${sum("torn")} torn, ${sum("outOfOrder")} out of order`,
    ratio: (hereRate / rate(relay)).toFixed(2),
    isMet: hereRate >= targetRate && harm === 0,
    notes: [
      `median of ${REPETITIONS} bursts, from the first line to the last, stated gaps filled from history: ${sum("gaps")} gaps of ${count(sum("gapBytes"))} bytes in all; the slowest viewer of any burst had ${count(slowest)} lines/s; from the command to the last line at the last viewer ${count(commandToLastMs)} ms; the sockets ${here.extensions === "" ? "do not compress" : `use ${here.extensions}`}.`,
    ],
  };
}

export const burst: Measurement = {
  name: "burst",
  async measure(bench: Bench) {
    const panel = await bench.panel();
    const rows: Row[] = [];
    for (const [viewers, bestOfField, targetRate] of [
      [1, "170,000 lines/s, 0.2 % of lines torn", 150_000],
      [50, "23,800 lines/s each, 0.9 % torn", 24_000],
    ] as const) {
      const relay = await withRelay((target) => bursts(target, viewers));
      const here = await withTalker(panel, (target) => bursts(target, viewers));
      rows.push(toRow(viewers, relay, here, bestOfField, targetRate));
    }
    return rows;
  },
};
