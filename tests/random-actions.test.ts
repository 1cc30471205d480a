/**
 * Two thousand random actions on eight servers, with crashes, agent kills, lost links and a panel that goes away. A
 * failure names its seed: `CATALYST_SEED=<seed>` asks the same of every server again.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serverPaths } from "../agent/console/server-paths.ts";
import { makeWorld } from "../agent/testing/agent-process.ts";
import { RandomActions, seedOf } from "../agent/testing/random-actions.ts";
import { serverSpec } from "../agent/testing/server-spec.ts";
import { waitUntil } from "../agent/testing/wait-until.ts";
import { processesOf } from "./world/processes.ts";

const ACTIONS = Number(process.env.CATALYST_RANDOM_ACTIONS ?? 2_000);
const FAULTS = 60;
const SERVERS = 8;

test(`after ${ACTIONS} random actions spec, agent and processes agree, and no server is stuck`, {
  timeout: 600_000,
}, async () => {
  const seed = seedOf(process.env.CATALYST_SEED);
  console.log(`seed ${seed}`);
  const world = await makeWorld();
  try {
    const { plane, agent } = world;
    const makeSpec = (id: string) =>
      serverSpec({ id, installScript: "echo installing", stopTimeoutSeconds: 2, restartPolicy: "on-failure" });
    const random = new RandomActions({ world, seed, actions: ACTIONS, faults: FAULTS, servers: SERVERS, makeSpec });
    await random.run();
    console.log(Object.fromEntries(random.counts));
    await waitUntil("the agent to be connected", () => plane.isConnected, 60_000);
    const gamesOf = (id: string) =>
      processesOf(serverPaths(agent.dataDir, id).root).filter((pid) => pid !== agent.pid).length;

    const states = await random.settle();
    const wanted = new Set(random.specs.map(({ id }) => id));
    await waitUntil("nothing of deleted servers to be left", () =>
      readdirSync(join(agent.dataDir, "servers")).every((id) => wanted.has(id)),
    );
    for (const spec of random.specs) {
      const state = states.get(spec.id)!;
      const told = plane.lastEvent(spec.id)!;
      expect(state === "suspended", `${spec.id} is ${state}`).toBe(spec.suspended);
      if (state === "running") {
        expect(gamesOf(spec.id), `${spec.id} runs`).toBeGreaterThan(0);
        expect(told.desiredPower).toBe("running");
      } else {
        await waitUntil(`${spec.id}, ${state}, to have no process`, () => gamesOf(spec.id) === 0);
      }
      if (told.desiredPowerAt === spec.desiredPowerAt) expect(told.desiredPower).toBe(spec.desiredPower);
      else expect(told.desiredPowerAt).toBeGreaterThan(spec.desiredPowerAt);
    }
    expect(plane.badFrames).toEqual([]);
    const numbers = plane.events.map(({ seq }) => seq);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    const first = new Map(plane.events.map((event) => [event.seq, event]));
    for (const event of plane.rawEvents) expect(event).toEqual(first.get(event.seq));

    // None is stuck: each can be started and stopped.
    random.specs.forEach((spec, slot) => {
      if (spec.suspended) void random.change(slot, { suspended: false });
    });
    await random.settle();
    for (const { id } of random.specs) await random.power(id, "start", `last-start-${id}`);
    for (const { id } of random.specs) await plane.inState(id, "running", 60_000);
    for (const { id } of random.specs) await random.power(id, "stop", `last-stop-${id}`);
    for (const { id } of random.specs) await plane.inState(id, "stopped", 60_000);
    for (const { id } of random.specs) await waitUntil(`${id} to have no process`, () => gamesOf(id) === 0);
    expect(existsSync(join(agent.dataDir, "trash")) ? readdirSync(join(agent.dataDir, "trash")) : []).toEqual([]);
  } finally {
    await world.close();
  }
});
