/** A line printed by the game, until it is at each viewer; the line itself carries the time it was printed. */
import { type Bench, type Measurement, ms } from "../bench.ts";
import { withCrowd } from "../console/crowd.ts";
import type { ConsoleTarget } from "../console/jobs.ts";
import { withRelay } from "../console/relay-target.ts";
import { withTalker } from "../console/talker-server.ts";
import { median, percentile } from "../percentile.ts";

const LINES = 200;
const WARM_UP_LINES = 20;
const EVERY_MS = 75;
const TARGET_ONE_MS = 5;
const TARGET_FIFTY_MS = 8;

const latencies = (target: ConsoleTarget, viewers: number) =>
  withCrowd(target, viewers, async (crowd) => {
    await crowd.do({ kind: "tick", lines: WARM_UP_LINES, everyMs: EVERY_MS });
    return (await crowd.do({ kind: "tick", lines: LINES, everyMs: EVERY_MS })).ms;
  });

export const printedLine: Measurement = {
  name: "printed-line",
  async measure(bench: Bench) {
    const relayOne = median(await withRelay((target) => latencies(target, 1)));
    const relayFifty = median(await withRelay((target) => latencies(target, 50)));
    const [one, fifty] = await withTalker(await bench.panel(), async (target) => [
      await latencies(target, 1),
      await latencies(target, 50),
    ]);
    const hereOne = median(one!);
    const hereFifty = median(fifty!);
    return [
      {
        name: "printed-line",
        work: "line printed → at the browser, p50, 1 / 50 viewers",
        bestOfField: "0.44 / 1.6 ms (same)",
        target: "≤ 5 / ≤ 8 ms",
        here: `${ms(hereOne)} / ${ms(hereFifty)} ms`,
        ratio: `${(hereOne / relayOne).toFixed(1)} / ${(hereFifty / relayFifty).toFixed(1)}`,
        isMet: hereOne <= TARGET_ONE_MS && hereFifty <= TARGET_FIFTY_MS,
        notes: [
          `${LINES} lines ${EVERY_MS} ms apart; p99 ${ms(percentile(one!, 0.99))} / ${ms(percentile(fifty!, 0.99))} ms.`,
        ],
      },
    ];
  },
};
