/** An administrator updates a node's agent from the panel, while a game runs on it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { fallBehind } from "./world/fall-behind.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start();
});
afterAll(() => panel?.stop());

interface Node {
  agentVersion: string | null;
  latestAgentVersion: string | null;
  agentUpdate: { status: string } | null;
  findings: { id: string; level: string }[] | null;
}
const node = () => panel.must<Node>("GET", `/api/nodes/${panel.nodeId}`);
const update = () => panel.must<{ state: string; version: string }>("POST", `/api/nodes/${panel.nodeId}/update-agent`);

it("is of the panel's own build at first, and says so when asked to update", async () => {
  await until("the node's version is known", async () => (await node()).agentVersion !== null);
  const { agentVersion, latestAgentVersion } = await node();
  expect(agentVersion).toBe(latestAgentVersion);
  expect(await update()).toEqual({ state: "current", version: latestAgentVersion });
  expect((await node()).agentUpdate).toBeNull();
});

it("becomes the panel's build with the game running on, its console whole", { timeout: 120_000 }, async () => {
  const serverId = await panel.createServer();
  await panel.startServer(serverId);
  await fallBehind(panel);
  const startedAt = async () => (await panel.must<{ startedAt: string }>("GET", `/api/servers/${serverId}`)).startedAt;
  const logs = () => panel.must<{ data: string; latest: number }>("GET", `/api/servers/${serverId}/logs`);
  const since = await startedAt();
  const before = await logs();
  const { latestAgentVersion: latest } = await node();

  expect(await update()).toEqual({ state: "started", version: latest });
  await until("the agent is of the panel's build", async () => (await node()).agentVersion === latest, 60_000);
  await panel.waitForNode();

  expect((await node()).agentUpdate).toBeNull();
  expect([await panel.state(serverId), await startedAt()]).toEqual(["running", since]);
  await panel.must("POST", `/api/servers/${serverId}/command`, { command: "after the update" });
  await until("the game answers", async () => (await logs()).data.includes("echo: after the update"));
  expect((await logs()).data.startsWith(before.data)).toBe(true);
  expect((await logs()).data.match(/echo server ready/g)).toHaveLength(1);
});

it("tells its health when it is asked to", async () => {
  const checked = await panel.must<Node>("POST", `/api/nodes/${panel.nodeId}/preflight`);
  expect(checked.findings).toContainEqual(expect.objectContaining({ id: "service", level: "ok" }));
  expect(checked.findings).toContainEqual(expect.objectContaining({ id: "clock", level: "ok" }));
});
