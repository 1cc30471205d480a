import { afterAll, beforeAll, it } from "vitest";
import { toldAfterwards } from "./scenarios/told-afterwards.ts";
import { Panel } from "./world/panel.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start();
});
afterAll(() => panel?.stop());

it("what became of servers while the control plane was away is told once, in order, with its own times", () =>
  toldAfterwards(panel, { echo: {} }));
