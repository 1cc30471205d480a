import { afterAll, beforeAll, expect, it } from "vitest";
import type { ServerDetail } from "../protocol/api/servers.ts";
import { type Member, member } from "./world/member.ts";
import { Panel } from "./world/panel.ts";
import { processesOf } from "./world/processes.ts";
import { until } from "./world/until.ts";

let panel: Panel;
let owner: Member;
beforeAll(async () => {
  panel = await Panel.start();
  owner = await member(panel, "owner");
});
afterAll(() => panel?.stop());

const create = (name: string) => panel.createServer({ name, ownerId: owner.id });
const games = (id: string) => processesOf(`SERVER_ID=${id}`);
const view = (id: string) => panel.must<ServerDetail>("GET", `/api/servers/${id}`);
const setMode = (mode: string, reason?: string) =>
  panel.must("POST", `/api/nodes/${panel.nodeId}/mode`, { mode, reason });
const held = (id: string) =>
  until("it is held", async () => {
    const server = await view(id);
    return server.status === "stopped" && /under maintenance/.test(server.statusReason ?? "");
  });

it("maintenance stops what runs, refuses starts in words, outlives agent and Worker, and gives everything back", async () => {
  const running = await create("running");
  const resting = await create("resting");
  await panel.startServer(running);
  await setMode("maintenance", "New disks.");
  await held(running);
  expect(games(running)).toEqual([]);
  const server = await view(running);
  expect(server).toMatchObject({ desiredPower: "running", nodeMode: "maintenance", nodeModeReason: "New disks." });
  expect(server.exitCode, "it was stopped by its own command").toBe(0);
  for (const id of [running, resting]) {
    const refused = await owner.api("POST", `/api/servers/${id}/start`);
    expect([refused.status, refused.body.code]).toEqual([503, "NODE_MAINTENANCE"]);
  }

  await panel.killAgent();
  await panel.killWorker();
  await panel.waitForNode();
  expect(games(running)).toEqual([]);
  expect((await owner.api("POST", `/api/servers/${running}/start`)).status).toBe(503);

  await setMode("active");
  await panel.waitForState(running, "running");
  expect(games(running).length).toBeGreaterThan(0);
  expect((await view(resting)).status).toBe("stopped");
  expect(games(resting)).toEqual([]);
});

it("maintenance that is set while the agent is away is obeyed when it is back, and a stop meanwhile is kept", async () => {
  const id = await create("away");
  await panel.startServer(id);
  const before = panel.agentPid();
  process.kill(before, "SIGKILL");
  await setMode("maintenance");
  await until("another agent", () => ![0, before].includes(panel.agentPid()));
  await held(id);
  expect((await owner.api("POST", `/api/servers/${id}/stop`)).status).toBe(202);
  await setMode("active");
  await until("the hold is over", async () => (await view(id)).nodeMode === "active");
  const probe = await create("probe");
  await panel.startServer(probe);
  expect((await view(id)).status).toBe("stopped");
  expect(games(id)).toEqual([]);
});

it("draining refuses new servers and touches none", async () => {
  const id = await create("lives on");
  await panel.startServer(id);
  const [game] = games(id);
  await setMode("draining");
  const refused = await owner.api("POST", "/api/servers", {
    name: "too late",
    templateId: "echo",
    nodeId: panel.nodeId,
    allocatedMemoryMb: 16,
    allocatedCpuCores: 0.05,
    allocatedDiskMb: 16,
  });
  expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  await panel.must("POST", `/api/servers/${id}/command`, { command: "still here" });
  expect(games(id)).toContain(game);
  await setMode("active");
  await create("in time");
});
