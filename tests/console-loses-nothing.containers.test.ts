import { afterAll, beforeAll, it } from "vitest";
import { consoleLosesNothing } from "./scenarios/console-loses-nothing.ts";
import { containerTemplate } from "./world/container-template.ts";
import { Panel } from "./world/panel.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(() => panel?.stop());

it("loses no console text in containers while agent, Worker and viewer die", async () => {
  await consoleLosesNothing(panel, { templateId: await containerTemplate(panel, "echo", "catalyst-test/echo:1") });
});
