/** From the request to start a server to its container running, on nerdctl with the image present. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Panel } from "../../tests/world/panel.ts";
import { type Measurement, ms } from "../bench.ts";
import { IMAGE, openConsole, sleeperTemplate, startAndTime, whatIsMissing } from "../containers.ts";
import { median, percentile } from "../percentile.ts";

const run = promisify(execFile);
const STARTS = 15;
const TARGET_MS = 1_200;
const SETTLE_MS = 1_000;
const WORK = "request → container running, image present, p50";

/** The same container by nerdctl alone: what no panel above it can be quicker than. */
async function bareStart(index: number): Promise<number> {
  const name = `catalyst-bench-${process.pid}-${index}`;
  const nerdctl = (...args: string[]) => run("nerdctl", ["--namespace", "catalyst", ...args]);
  const startedAt = performance.now();
  try {
    await nerdctl("run", "-d", "--name", name, "-p", "127.0.0.1:29999:7777", IMAGE, "sleep", "60");
    return performance.now() - startedAt;
  } finally {
    await nerdctl("rm", "-f", name);
  }
}

async function measureStarts(panel: Panel): Promise<number[]> {
  const serverId = await panel.createServer({ templateId: await sleeperTemplate(panel) });
  const socket = await openConsole(panel, serverId);
  const times: number[] = [];
  try {
    for (let i = 0; i < STARTS; i++) {
      times.push(await startAndTime(panel, serverId, socket));
      await panel.must("POST", `/api/servers/${serverId}/kill`);
      await panel.waitForState(serverId, "stopped");
      // The end of the last container is not part of the next one's start.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    }
  } finally {
    socket.terminate();
  }
  return times;
}

export const containerStart: Measurement = {
  name: "container-start",
  async measure() {
    const reason = await whatIsMissing();
    if (reason) return [{ name: "container-start", work: WORK, reason }];
    const bare: number[] = [];
    for (let i = 0; i < STARTS; i++) bare.push(await bareStart(i));
    const panel = await Panel.start({ runtime: "nerdctl" });
    try {
      const times = await measureStarts(panel);
      const p50 = median(times);
      return [
        {
          name: "container-start",
          work: WORK,
          bestOfField: "not known",
          target: "≤ 1.2 s",
          here: `${(p50 / 1000).toFixed(2)} s`,
          ratio: `${(p50 / median(bare)).toFixed(1)} (over bare nerdctl)`,
          isMet: p50 <= TARGET_MS,
          notes: [
            `${STARTS} starts, slowest ${ms(percentile(times, 1))} ms; \`nerdctl run\` alone, one port and no log, takes ${ms(median(bare))} ms.`,
          ],
        },
      ];
    } finally {
      await panel.stop();
    }
  },
};
