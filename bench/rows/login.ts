/** Signing in with a password. */
import { type Bench, type Measurement, ms } from "../bench.ts";
import { median, percentile } from "../percentile.ts";
import { statementsSoFar, untilQuiet } from "../proxy-statements.ts";

const LOGINS = 30;
const TARGET_MS = 120;
const TARGET_STATEMENTS = 3;

export const login: Measurement = {
  name: "login",
  async measure(bench: Bench) {
    const panel = await bench.panel();
    await untilQuiet(panel);
    const before = await statementsSoFar(panel);
    const times: number[] = [];
    for (let i = 0; i < LOGINS; i++) {
      const sentAt = performance.now();
      await panel.signIn();
      times.push(performance.now() - sentAt);
    }
    const statements = ((await statementsSoFar(panel)) - before) / LOGINS;
    const p50 = median(times);
    return [
      {
        name: "login",
        work: "login",
        bestOfField: "69 ms, 4 statements",
        target: "≤ 120 ms with the scrypt parameters, at most 3 statements",
        here: `${ms(p50)} ms, ${statements.toFixed(1)} statements`,
        ratio: "",
        isMet: p50 <= TARGET_MS && statements <= TARGET_STATEMENTS,
        notes: [`p50 of ${LOGINS}, p99 ${ms(percentile(times, 0.99))} ms.`],
      },
    ];
  },
};
