/** What an agent that is killed in the middle leaves to the next one. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeWorld, type World } from "./testing/agent-process.ts";
import { serverSpec } from "./testing/server-spec.ts";
import { waitUntil } from "./testing/wait-until.ts";

const ID = "echo-1";
let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

/** Takes two seconds to stop. */
const SLOW = "trap 'sleep 2; exit 0' INT; echo ready; while :; do sleep 0.05; done";
const count = (state: string) => world.plane.states(ID).filter((one) => one === state).length;

test("a restart whose agent is killed between stop and start still starts", { timeout: 60_000 }, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec({ startup: SLOW, stopCommand: "^C" }));
  agent.start();
  await plane.startServer(ID);
  const first = agent.serverPid(ID);
  await plane.power(ID, "restart");
  await plane.inState(ID, "stopping");
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the server to run again", () => count("running") === 2, 30_000);
  expect(agent.serverPid(ID)).not.toBe(first);
  expect(count("crashed")).toBe(0);
});

test("a start during a stop whose agent is killed still starts, and a stop after it does not", {
  timeout: 60_000,
}, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec({ startup: SLOW, stopCommand: "^C" }));
  agent.start();
  await plane.startServer(ID);
  await plane.power(ID, "stop");
  expect(await plane.power(ID, "start")).toMatchObject({
    ok: true,
    data: { state: "stopping", alreadyUnderWay: false },
  });
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the server to run again", () => count("running") === 2, 30_000);
  await plane.power(ID, "restart");
  expect(await plane.power(ID, "stop")).toMatchObject({ ok: true });
  await plane.inState(ID, "stopped");
  expect(plane.lastEvent(ID)).toMatchObject({ state: "stopped", desiredPower: "stopped" });
});

test("an install has its time and no more, however often its agent is killed", { timeout: 60_000 }, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec({ installScript: "sleep 60", installTimeoutSeconds: 4 }));
  agent.start();
  await plane.inState(ID, "installing");
  const begunAt = Date.now();
  for (let round = 0; round < 2; round++) {
    await agent.end("SIGKILL");
    agent.start();
    await plane.connected();
  }
  const { reason } = await plane.inState(ID, "error", 20_000);
  expect(reason).toBe("The installation did not end within 4 seconds.");
  expect(Date.now() - begunAt).toBeLessThan(12_000);
});
