/** A command typed into the console, until its echo is at the viewer. */
import { type Bench, type Measurement, ms } from "../bench.ts";
import { withCrowd } from "../console/crowd.ts";
import type { ConsoleTarget } from "../console/jobs.ts";
import { withRelay } from "../console/relay-target.ts";
import { withTalker } from "../console/talker-server.ts";
import { median, percentile } from "../percentile.ts";

const TRIPS = 300;
const WARM_UP_TRIPS = 30;
/** Quicker than a person types, slower than the agent gathers text. */
const PAUSE_MS = 80;
const TARGET_P50_MS = 8;
const TARGET_P99_MS = 20;

async function trips(target: ConsoleTarget) {
  return withCrowd(target, 1, async (crowd) => {
    await crowd.do({ kind: "echo", trips: WARM_UP_TRIPS, pauseMs: PAUSE_MS });
    const typed = await crowd.do({ kind: "echo", trips: TRIPS, pauseMs: PAUSE_MS });
    const hurried = await crowd.do({ kind: "echo", trips: TRIPS, pauseMs: 0 });
    return { p50: median(typed.ms), p99: percentile(typed.ms, 0.99), hurriedP50: median(hurried.ms) };
  });
}

export const echo: Measurement = {
  name: "echo",
  async measure(bench: Bench) {
    const relay = await withRelay(trips);
    const here = await withTalker(await bench.panel(), trips);
    return [
      {
        name: "echo",
        work: "command typed → its echo at the browser, p50 / p99",
        bestOfField: "3.6 / 6.3 ms (one process, no edge between)",
        target: "≤ 8 / ≤ 20 ms",
        here: `${ms(here.p50)} / ${ms(here.p99)} ms`,
        ratio: `${(here.p50 / relay.p50).toFixed(1)} / ${(here.p99 / relay.p99).toFixed(1)}`,
        isMet: here.p50 <= TARGET_P50_MS && here.p99 <= TARGET_P99_MS,
        notes: [
          `${TRIPS} commands about ${PAUSE_MS} ms apart; without any pause the p50 is ${ms(here.hurriedP50)} ms, because steady text is gathered to a frame each 40 ms.`,
        ],
      },
    ];
  },
};
