import { afterAll, beforeAll, expect, it } from "vitest";
import type { ServerDetail } from "../protocol/api/servers.ts";
import { ConsoleViewer } from "./world/console-viewer.ts";
import { containerTemplate } from "./world/container-template.ts";
import { type Member, member } from "./world/member.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
let owner: Member;
let id: string;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
  owner = await member(panel, "owner");
  const templateId = await containerTemplate(panel, "echo", "catalyst-test/echo:1");
  id = await panel.createServer({ name: "contained", templateId, ownerId: owner.id });
});
afterAll(() => panel?.stop());

const view = () => panel.must<ServerDetail>("GET", `/api/servers/${id}`);
const nodeSays = async () => (await panel.agentStats()).servers.find((server) => server.name === "contained")?.state;
const running = async () => ((await panel.agentStats()) as unknown as { containerCount: number }).containerCount;

it("a running container is stopped and kept stopped over a restart of the agent, its sockets end with 4409", async () => {
  await panel.startServer(id);
  const viewer = new ConsoleViewer({ url: panel.url, token: owner.token }, id);
  await viewer.connect();
  await panel.must("POST", `/api/servers/${id}/suspend`, { reason: "Abuse." });
  await until("the owner is sent away", () =>
    viewer.frames.some((frame) => frame.type === "bye" && frame.code === 4409),
  );
  viewer.close();
  await until("the node has obeyed", async () => (await nodeSays()) === "suspended");
  expect(await running()).toBe(0);
  await until("its end is told: it was asked to stop, not killed", async () => (await view()).exitCode === 0);
  expect((await owner.api("POST", `/api/servers/${id}/start`)).status).toBe(423);

  await panel.killAgent();
  await panel.waitForNode();
  expect(await nodeSays()).toBe("suspended");
  expect(await running()).toBe(0);
  expect((await owner.api("POST", `/api/servers/${id}/start`)).status).toBe(423);

  await panel.must("POST", `/api/servers/${id}/unsuspend`);
  await panel.waitForState(id, "running");
  expect(await running()).toBe(1);
});

it("maintenance stops a container and brings it back, over a restart of the agent", async () => {
  await panel.waitForState(id, "running");
  const setMode = (mode: string) => panel.must("POST", `/api/nodes/${panel.nodeId}/mode`, { mode });
  await setMode("maintenance");
  await until("it is held", async () => (await view()).status === "stopped");
  expect(await running()).toBe(0);
  await panel.killAgent();
  await panel.waitForNode();
  expect(await nodeSays()).toBe("stopped");
  expect((await owner.api("POST", `/api/servers/${id}/start`)).body.code).toBe("NODE_MAINTENANCE");
  await setMode("active");
  await panel.waitForState(id, "running");
});
