/** With no control plane at hand a node keeps its servers by their policies and limits, and tells it all afterwards. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeConsoleInput } from "./console/console-input.ts";
import { serverPaths } from "./console/server-paths.ts";
import { makeWorld, type World } from "./testing/agent-process.ts";
import { serverSpec } from "./testing/server-spec.ts";
import { waitUntil } from "./testing/wait-until.ts";

const ID = "echo-1";
let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

test("crashes restart and the limit holds while the panel is away, the agent being killed meanwhile; every step is told in order, once", {
  timeout: 120_000,
}, async () => {
  const { plane, agent } = world;
  const POLICY = { restartPolicy: "on-failure", maxCrashes: 3, desiredPower: "running", desiredPowerAt: 1 } as const;
  plane.setServers(serverSpec(POLICY));
  agent.start();
  await plane.inState(ID, "running", 30_000);
  plane.isRefusing = true;
  plane.drop();

  const times = (state: string) => agent.output.split(`"to":"${state}"`).length - 1;
  const type = (line: string) => writeConsoleInput(serverPaths(agent.dataDir, ID), line);
  for (let crash = 1; crash <= 3; crash++) {
    await type("exit 42");
    await waitUntil(`crash ${crash}`, () => times("crashed") === crash, 30_000);
    // Also between the crash and the restart that it waits for.
    await agent.end("SIGKILL");
    agent.start();
    if (crash < 3) await waitUntil("the next run", () => times("running") === crash + 1, 30_000);
  }
  expect(times("starting")).toBe(3);

  plane.isRefusing = false;
  await waitUntil("the last crash to be told", () => plane.lastEvent(ID)?.crashCount === 3, 40_000);
  const expected = [
    "starting",
    "running",
    "crashed",
    "starting",
    "running",
    "crashed",
    "starting",
    "running",
    "crashed",
  ];
  expect(plane.states(ID).slice(-9)).toEqual(expected);
  const numbers = plane.events.map(({ seq }) => seq);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  const crashes = plane.events.flatMap(({ crash }) => (crash ? [crash] : []));
  expect(crashes.map(({ crashCount, exitCode }) => [crashCount, exitCode])).toEqual([
    [1, 42],
    [2, 42],
    [3, 42],
  ]);
  expect(new Set(crashes.map(({ id }) => id)).size).toBe(3);
  expect(crashes.at(-1)?.restartAt).toBeNull();
});
