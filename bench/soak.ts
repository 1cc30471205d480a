/**
 * `npm run soak [-- --runtime process|nerdctl --cycles N --servers N --minutes N]`: starts, stops, crashes and kills servers of a
 * whole panel again and again, and counts what is left that was not there before. A minute-long game that ends every
 * quarter of an hour has a hundred cycles a day; 5,000 stand for the busiest day of a node with fifty servers.
 */
import { parseArgs } from "node:util";
import { PrivateContainerd } from "../agent/testing/private-containerd.ts";
import { containerTemplate } from "../tests/world/container-template.ts";
import { countLeaks, grown, residentMib } from "../tests/world/leak-count.ts";
import { Panel } from "../tests/world/panel.ts";
import { PowerCycles } from "../tests/world/power-cycles.ts";

/** Until caches and pools are as large as they get. */
const WARM_UP_CYCLES = 200;
const READINGS = 10;

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "process" },
    cycles: { type: "string", default: "5000" },
    servers: { type: "string", default: "8" },
    /** Ends then, though the cycles are not done. */
    minutes: { type: "string", default: "600" },
  },
});
const runtime = values.runtime === "nerdctl" ? "nerdctl" : "process";
const cycles = Number(values.cycles);
const containerd = runtime === "nerdctl" ? PrivateContainerd.start() : null;
if (containerd) Object.assign(process.env, containerd.environment);
const panel = await Panel.start({ runtime });
try {
  const body = containerd ? { templateId: await containerTemplate(panel, "echo", "catalyst-test/echo:1") } : {};
  const work = await PowerCycles.open(panel, Number(values.servers), body);
  await work.run(Math.min(WARM_UP_CYCLES, cycles));
  const before = countLeaks(panel, containerd);
  const memory = () => `agent ${residentMib(panel.agentPid())} MB, edge ${residentMib(panel.workerPid())} MB`;
  console.log(`after ${work.done} cycles: ${memory()}`);
  const startedAt = performance.now();
  const every = Math.ceil(cycles / READINGS);
  const begunWith = work.done;
  const isLate = () => performance.now() - startedAt > Number(values.minutes) * 60_000;
  await work.run(cycles, {
    isOver: isLate,
    onCycle: (done) => {
      if (done % every === 0) console.log(`after ${done} cycles: ${memory()}`);
    },
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const counted = work.done - begunWith;
  console.log(`${counted} cycles in ${seconds.toFixed(0)} s, ${(counted / seconds).toFixed(1)} a second`);
  let after = countLeaks(panel, containerd);
  for (let wait = 0; grown(before, after).length > 0 && wait < 30; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    after = countLeaks(panel, containerd);
  }
  const left = grown(before, after);
  console.table({ before, after });
  console.log(left.length === 0 ? "nothing is left behind" : `LEFT BEHIND: ${left.join("; ")}`);
  process.exitCode = left.length === 0 ? 0 : 1;
  await work.close();
} finally {
  await panel.stop();
  containerd?.stop();
}
