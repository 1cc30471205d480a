import { afterAll, beforeAll, it } from "vitest";
import { consoleLosesNothing } from "./scenarios/console-loses-nothing.ts";
import { Panel } from "./world/panel.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "process" });
});
afterAll(() => panel?.stop());

it("loses no console text on host processes while agent, Worker and viewer die", () => consoleLosesNothing(panel, {}));
