/**
 * Two thousand random actions on eight servers, with crashes, agent kills, lost links and a panel that goes away. A
 * failure names its seed: `CATALYST_SEED=<seed>` asks the same of every server again.
 */
import { test } from "vitest";
import { serverPaths } from "../agent/console/server-paths.ts";
import { makeWorld } from "../agent/testing/agent-process.ts";
import { RandomActions, seedOf } from "../agent/testing/random-actions.ts";
import { serverSpec } from "../agent/testing/server-spec.ts";
import { allAgree } from "./scenarios/all-agree.ts";
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
    const { agent } = world;
    const makeSpec = (id: string) =>
      serverSpec({ id, installScript: "echo installing", stopTimeoutSeconds: 2, restartPolicy: "on-failure" });
    const random = new RandomActions({ world, seed, actions: ACTIONS, faults: FAULTS, servers: SERVERS, makeSpec });
    await random.run();
    console.log(Object.fromEntries(random.counts));
    const gamesOf = (id: string) =>
      processesOf(serverPaths(agent.dataDir, id).root).filter((pid) => pid !== agent.pid).length;
    await allAgree(world, random, {
      isRunningOnce: (id) => gamesOf(id) > 0,
      isIdle: (id) => gamesOf(id) === 0,
    });
  } finally {
    await world.close();
  }
});
