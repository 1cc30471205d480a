import { afterEach, beforeEach, expect, test } from "vitest";
import { makeWorld, type World } from "./testing/agent-process.ts";
import { serverSpec } from "./testing/server-spec.ts";
import { waitUntil } from "./testing/wait-until.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

const ID = "echo-1";

async function logText(): Promise<string> {
  const answer = await world.plane.request({ op: "logs", serverId: ID, from: 0, limitBytes: 65536 });
  return answer.ok ? (answer.data as { data: string }).data : "";
}

test("a server is started, answers its console, and stops by its command", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec());
  agent.start();
  await plane.inState(ID, "stopped");
  expect(await plane.power(ID, "start")).toMatchObject({
    ok: true,
    data: { state: "starting", alreadyUnderWay: false },
  });
  await plane.inState(ID, "running");
  expect(await plane.power(ID, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  await plane.request({ op: "console_input", serverId: ID, data: "hello" });
  await waitUntil("the echo", async () => (await logText()).includes("echo: hello\n"));
  await plane.power(ID, "stop");
  const stopped = await plane.inState(ID, "stopped");
  expect(stopped).toMatchObject({ exitCode: 0, desiredPower: "stopped" });
  expect(plane.badFrames).toEqual([]);
});

test("a killed agent finds its server running as the same process", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec());
  agent.start();
  await plane.inState(ID, "stopped");
  await plane.power(ID, "start");
  await plane.inState(ID, "running");
  const pid = agent.serverPid(ID);
  const seen = plane.rawEvents.length;
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the agent to be back", () => plane.isConnected && plane.connections === 2);
  expect(await plane.power(ID, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  expect(agent.serverPid(ID)).toBe(pid);
  expect(plane.rawEvents.length).toBe(seen);
});
