/** Many runs of servers in containers leave nothing behind; `npm run soak` does the same 5,000 times. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { PrivateContainerd } from "../agent/testing/private-containerd.ts";
import { containerTemplate } from "./world/container-template.ts";
import { countLeaks, grown, residentMib } from "./world/leak-count.ts";
import { Panel } from "./world/panel.ts";
import { PowerCycles } from "./world/power-cycles.ts";
import { until } from "./world/until.ts";

const SERVERS = 6;
const WARM_UP_CYCLES = 40;
const CYCLES = 200;
/** Over the counted cycles; a leak of 100 KB a cycle would be 20. */
const GROWTH_MAX_MIB = 15;

let containerd: PrivateContainerd;
let panel: Panel;
const environment = { ...process.env };
beforeAll(async () => {
  containerd = PrivateContainerd.start();
  Object.assign(process.env, containerd.environment);
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(async () => {
  await panel?.stop();
  containerd?.stop();
  process.env = environment;
});

it(`${CYCLES} starts, stops, crashes and kills leave no container, mount, FIFO, network, process, file or megabyte`, async () => {
  const templateId = await containerTemplate(panel, "echo", "catalyst-test/echo:1");
  const cycles = await PowerCycles.open(panel, SERVERS, { templateId });
  await cycles.run(WARM_UP_CYCLES);
  await until("the warm-up's last container is gone", () => countLeaks(panel, containerd).containers === 0);
  const before = countLeaks(panel, containerd);
  const memoryMib = residentMib(panel.agentPid());
  await cycles.run(CYCLES);
  let left: string[] = [];
  await until(
    "nothing is left that was not there before",
    () => {
      left = grown(before, countLeaks(panel, containerd));
      return left.length === 0;
    },
    30_000,
  ).catch((error) => expect.soft(left, String(error)).toEqual([]));
  expect(residentMib(panel.agentPid()) - memoryMib).toBeLessThan(GROWTH_MAX_MIB);
  await cycles.close();
  await until("the servers are gone, and all of them", () => {
    const { containers, FIFOs, mounts } = countLeaks(panel, containerd);
    return containers === 0 && FIFOs === 0 && mounts === 0;
  });
}, 900_000);
