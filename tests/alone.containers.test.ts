import { afterAll, beforeAll, it } from "vitest";
import { toldAfterwards } from "./scenarios/told-afterwards.ts";
import { containerTemplate } from "./world/container-template.ts";
import { Panel } from "./world/panel.ts";

const IMAGE = "catalyst-test/echo:1";
const GREEDY = `echo ready; read line; exec awk 'BEGIN { s = "x"; while (1) s = s s }'`;

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(() => panel?.stop());

it("what became of containers while the control plane was away is told once, in order, with its own times", async () => {
  const echo = await containerTemplate(panel, "echo", IMAGE);
  const changes = { id: "greedy", name: "greedy", startup: GREEDY, readyPattern: "ready" };
  await containerTemplate(panel, "echo", IMAGE, changes);
  await toldAfterwards(panel, {
    echo: { templateId: echo },
    greedy: { templateId: "greedy", allocatedMemoryMb: 32 },
  });
}, 300_000);
