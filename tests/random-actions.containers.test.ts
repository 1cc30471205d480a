/**
 * The same as `random-actions.test.ts` on containers of a containerd of its own, which is killed meanwhile, as are
 * containers behind the agent's back. `CATALYST_SEED=<seed>` asks the same of every server again.
 */

import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { leases as addressesInUse, firewallLines } from "../agent/network/testing/left-over.ts";
import { containerName, LABEL } from "../agent/runtime/nerdctl/options.ts";
import { ECHO_IMAGE } from "../agent/runtime/nerdctl/testing/test-node.ts";
import { makeWorld, type World } from "../agent/testing/agent-process.ts";
import { PrivateContainerd } from "../agent/testing/private-containerd.ts";
import { type OwnFault, RandomActions, seedOf } from "../agent/testing/random-actions.ts";
import { ECHO, serverSpec } from "../agent/testing/server-spec.ts";
import { allAgree } from "./scenarios/all-agree.ts";
import { countNodeLeaks, grown } from "./world/leak-count.ts";
import { nodeAccount } from "./world/node-account.ts";
import { until } from "./world/until.ts";

const ACTIONS = Number(process.env.CATALYST_RANDOM_ACTIONS ?? 250);
const SERVERS = 4;
const FAULTS = 40;
/** Containers are slower than processes, so the faults come further apart. */
const FAULT_PAUSE_MAX_MS = 2_500;
const CONTAINERD_AWAY_MAX_MS = 1_500;
const FIRST_PORT = 26_750;

let containerd: PrivateContainerd;
let world: World;
beforeAll(async () => {
  containerd = PrivateContainerd.start();
  world = await makeWorld(undefined, { runtime: "nerdctl" }, containerd.place);
});
afterAll(async () => {
  await world?.agent.end("SIGKILL");
  for (const id of containerd ? ctr("containers", "list", "-q") : []) await nerdctl("rm", "-f", id).catch(() => {});
  await world?.close();
  containerd?.stop();
});

const run = promisify(execFile);
const nerdctl = (...args: string[]) => run("nerdctl", [...containerd.globals, ...args], { timeout: 20_000 });

const makeSpec = (id: string, slot: number) =>
  serverSpec({
    id,
    image: ECHO_IMAGE,
    installImage: ECHO_IMAGE,
    installScript: "echo installing",
    startup: ECHO,
    stopTimeoutSeconds: 2,
    restartPolicy: "on-failure",
    networkMode: "bridge",
    ownerId: `owner-${slot % 2}`,
    allocations: [{ ip: "0.0.0.0", port: FIRST_PORT + slot, isPrimary: true }],
    diskMb: 32,
    cpuCores: 0.5,
  });

/** What an administrator with a shell, and a package update of containerd, do to a node. */
const OWN_FAULTS: OwnFault[] = [
  {
    name: "containerd killed",
    every: 9,
    make: async (random) => {
      await containerd.kill();
      await delay(random() * CONTAINERD_AWAY_MAX_MS);
      containerd.again();
    },
  },
  {
    name: "a container killed or removed by nerdctl",
    every: 3,
    make: async (random, specs) => {
      const { id } = specs[Math.floor(random() * specs.length)]!;
      const command = random() < 0.5 ? ["kill"] : ["rm", "-f"];
      // There may be none just now.
      await nerdctl(...command, containerName(id)).catch(() => undefined);
    },
  },
];

const ctr = (...args: string[]) =>
  execFileSync("ctr", ["--address", containerd.place.address, "--namespace", "catalyst", ...args], {
    encoding: "utf8",
    // It warns of old cgroups at every call.
    stdio: ["ignore", "pipe", "ignore"],
  })
    .split("\n")
    .filter((line) => line !== "");

/**
 * A `nerdctl run` that lost its containerd leaves its lease, and by it a snapshot, which containerd lets go of within a
 * day: this is that day.
 */
function expireLeases(): void {
  for (const lease of ctr("leases", "list", "-q")) ctr("leases", "delete", "--sync", lease);
}

/**
 * Of the agent's own files those of the node stay; `notesOfRuns` looks at the others. nerdctl leaves a copy of the hosts
 * file of every container that it removes, and now and then its state folder, written anew behind the removal: nobody
 * tells the agent of those that the administrator removed, and one that is killed does not come to remove what came late.
 */
const STAYS = ["records of runs", "copies of hosts files", "folders of containers"];

function notesOfRuns(dataDir: string): string[] {
  const folders = ["runs", "environment", "pulls"].map((name) => join(dataDir, "nerdctl-runtime", name));
  return folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder));
}

/** Containers of a server, by id, with the state of the task where there is one. */
function containersOf(serverId: string): { id: string; task: string | undefined }[] {
  const tasks = new Map(
    ctr("tasks", "list")
      .slice(1)
      .map((line) => line.split(/\s+/))
      .map(([id, , state]) => [id!, state!]),
  );
  return ctr("containers", "list", "-q", `labels."${LABEL.server}"==${serverId}`).map((id) => ({
    id,
    task: tasks.get(id),
  }));
}

test(`after ${ACTIONS} random actions spec, agent and containerd agree, nothing is left over, and no server is stuck`, {
  timeout: 900_000,
}, async () => {
  const seed = seedOf(process.env.CATALYST_SEED);
  console.log(`seed ${seed}`);
  const { plane, agent } = world;
  agent.start();
  await plane.connected();
  const before = countNodeLeaks(agent.dataDir, agent.pid, containerd);
  await agent.end("SIGKILL");

  const random = new RandomActions({
    world,
    seed,
    actions: ACTIONS,
    faults: FAULTS,
    servers: SERVERS,
    makeSpec,
    ownFaults: OWN_FAULTS,
    faultPauseMaxMs: FAULT_PAUSE_MAX_MS,
  });
  onTestFailed(() => console.log(nodeAccount(agent, containerd, random.serverIds)));
  await random.run();
  console.log(Object.fromEntries(random.counts));
  await allAgree(world, random, {
    isRunningOnce: (id) =>
      containersOf(id)
        .map(({ task }) => task)
        .join() === "RUNNING",
    isIdle: (id) => containersOf(id).length === 0,
  });

  plane.setServers();
  let left: string[] = [];
  await until(
    "nothing to be left of deleted servers",
    async () => {
      expireLeases();
      const now = countNodeLeaks(agent.dataDir, agent.pid, containerd);
      left = grown(before, now).filter((what) => !STAYS.some((name) => what.startsWith(`${name}:`)));
      if (firewallLines(agent.dataDir).length > 0) left.push("rules of the agent's firewall");
      left.push(...addressesInUse(agent.dataDir), ...notesOfRuns(agent.dataDir));
      return left.length === 0;
    },
    60_000,
  ).catch((error) => expect.soft(left.join("; "), `seed ${seed}: ${error}`).toBe(""));
});
