/** The agent may be killed at any moment: servers go on, and what happened is told once and in order. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeConsoleInput } from "./console/console-input.ts";
import { serverPaths } from "./console/server-paths.ts";
import { readProcessStat } from "./process-stat.ts";
import { makeWorld, type World } from "./testing/agent-process.ts";
import { serverSpec } from "./testing/server-spec.ts";
import { waitUntil } from "./testing/wait-until.ts";

const ID = "echo-1";
let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

async function started(change: Parameters<typeof serverSpec>[0] = {}) {
  const { plane, agent } = world;
  plane.setServers(serverSpec(change));
  agent.start();
  await plane.startServer(ID);
}

/** Writes into the game's input without an agent. */
const type = (line: string) => writeConsoleInput(serverPaths(world.agent.dataDir, ID), line);

/** Where the numbers of what the hub keeps do not follow one another: at most one for each run of the agent. */
const holes = () => {
  const { events } = world.plane;
  return events.filter((event, index) => index > 0 && event.seq !== events[index - 1]!.seq + 1).length;
};

const isAlive = (pid: number) => {
  const stat = readProcessStat(pid);
  return stat !== null && stat.state !== "Z";
};

test("a killed agent finds its server running as the same process, and repeats nothing", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  await started();
  const pid = agent.serverPid(ID);
  const seen = plane.rawEvents.length;
  await agent.end("SIGKILL");
  expect(isAlive(pid)).toBe(true);
  await world.back();
  expect(await plane.power(ID, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  expect(agent.serverPid(ID)).toBe(pid);
  expect(plane.rawEvents.length).toBe(seen);
});

test("an agent that is asked to end leaves its servers alone", { timeout: 30_000 }, async () => {
  const { agent } = world;
  await started();
  const pid = agent.serverPid(ID);
  expect(await agent.end("SIGTERM")).toBe(0);
  expect(isAlive(pid)).toBe(true);
});

test("how a server ended while the agent was away is told when it is back", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  await started();
  const pid = agent.serverPid(ID);
  await agent.end("SIGKILL");
  await type("exit 9");
  await waitUntil("the server to end", () => !isAlive(pid));
  await world.back();
  expect(await plane.inState(ID, "crashed")).toMatchObject({ exitCode: 9, crashCount: 1 });
  await agent.end("SIGKILL");
  await world.back();
  await plane.request({ op: "health" });
  expect(plane.states(ID)).toEqual(["stopped", "starting", "running", "crashed"]);
});

test("a restart that was under way is carried to its end", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  const slow = `echo ready; while read -r line; do [ "$line" = stop ] && sleep 1 && exit 0; done`;
  await started({ startup: slow });
  const pid = agent.serverPid(ID);
  await plane.power(ID, "restart");
  await plane.inState(ID, "stopping");
  await agent.end("SIGKILL");
  await waitUntil("the first run to end", () => !isAlive(pid));
  await world.back();
  await waitUntil("the second run", () => plane.states(ID).filter((state) => state === "running").length === 2);
  expect(agent.serverPid(ID)).not.toBe(pid);
});

test("a start that was under way is found ready, though the word came while the agent was away", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec({ startup: "read go; echo ready; read end" }));
  agent.start();
  await plane.inState(ID, "stopped");
  await plane.power(ID, "start");
  const pid = await waitUntil("the process", () => {
    try {
      return agent.serverPid(ID);
    } catch {
      return 0;
    }
  });
  await agent.end("SIGKILL");
  await type("go");
  await world.back();
  await plane.inState(ID, "running");
  expect(agent.serverPid(ID)).toBe(pid);
});

test("with no control plane at hand the agent takes its servers up from disk, and tells the rest later", {
  timeout: 40_000,
}, async () => {
  const { plane, agent } = world;
  await started();
  plane.isRefusing = true;
  await agent.end("SIGKILL");
  await type("exit 5");
  agent.start();
  await waitUntil("the agent to notice", () => agent.output.includes('"to":"crashed"'));
  await agent.end("SIGKILL");
  agent.start();
  plane.isRefusing = false;
  expect(await plane.inState(ID, "crashed", 25_000)).toMatchObject({ exitCode: 5 });
  expect(plane.states(ID)).toEqual(["stopped", "starting", "running", "crashed"]);
  expect(holes()).toBe(1);
});

test("events that the hub did not acknowledge come again, the same and in order", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  plane.isAcknowledging = false;
  await started();
  await agent.end("SIGKILL");
  await world.back();
  await waitUntil("the repetition", () => plane.rawEvents.length >= 6);
  expect(plane.rawEvents.slice(3, 6)).toEqual(plane.rawEvents.slice(0, 3));
});

test("killed at random moments of starts and stops, nothing is lost, doubled or out of order", {
  timeout: 120_000,
}, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec());
  agent.start();
  await plane.inState(ID, "stopped");
  const pids = new Set<number>();
  for (let round = 0; round < 8; round++) {
    const action = round % 2 === 0 ? "start" : "stop";
    const wanted = round % 2 === 0 ? "running" : "stopped";
    void plane.power(ID, action, `round-${round}`).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, (round * 37) % 90));
    await agent.end("SIGKILL");
    await world.back();
    // The caller whose answer was lost asks again under the same id.
    await plane.power(ID, action, `round-${round}`);
    await plane.inState(ID, wanted);
    if (wanted === "running") pids.add(agent.serverPid(ID));
  }
  expect(pids.size).toBe(4);
  expect([...pids].filter(isAlive)).toEqual([]);
  expect(holes()).toBeLessThanOrEqual(8);
  const bySeq = new Map(plane.events.map((event) => [event.seq, event]));
  for (const event of plane.rawEvents) expect(event).toEqual(bySeq.get(event.seq));
  const states = plane.states(ID);
  states.forEach((state, index) => {
    if (index > 0) expect(state).not.toBe(states[index - 1]);
  });
  expect(states.filter((state) => state === "crashed")).toEqual([]);
});

test("a hub that lost its memory is told every status anew", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await started();
  const told = plane.lastEvent(ID)!.seq;
  plane.ackedSeq = 500;
  plane.drop();
  await waitUntil("the status anew", () => plane.lastEvent(ID)!.seq > told);
  expect(plane.lastEvent(ID)?.state).toBe("running");
});

const POLICY = { restartPolicy: "on-failure", maxCrashes: 2 } as const;
const crashesOf = () => world.plane.events.flatMap((event) => (event.crash ? [event.crash] : []));

test("a crash is told with what the game wrote last, restarted after its wait, and given up in words", {
  timeout: 30_000,
}, async () => {
  const { plane } = world;
  await started(POLICY);
  const pid = world.agent.serverPid(ID);
  await type("last words");
  await type("exit 42");
  await waitUntil("the second run", () => plane.states(ID).filter((state) => state === "running").length === 2);
  expect(world.agent.serverPid(ID)).not.toBe(pid);
  await type("exit 43");
  await waitUntil("the second crash", () => crashesOf().length === 2);
  const [first, second] = crashesOf();
  expect(first).toMatchObject({ exitCode: 42, signal: null, crashCount: 1 });
  expect(first!.lastLines).toMatch(/^ready\necho: last words$/);
  expect(first!.restartAt! - first!.at).toBeGreaterThanOrEqual(1_000);
  expect(second).toMatchObject({ exitCode: 43, crashCount: 2, restartAt: null, lastLines: "ready" });
  expect(plane.lastEvent(ID)).toMatchObject({ state: "crashed", crashCount: 2 });
  expect(plane.lastEvent(ID)?.reason).toMatch(/code 43\. It crashed 2 times within 10 minutes/);
});

test("a restart that is waited for comes true without a control plane, though the agent is killed meanwhile", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  await started(POLICY);
  plane.isRefusing = true;
  plane.drop();
  const pid = agent.serverPid(ID);
  await type("exit 42");
  await waitUntil("the crash", () => agent.output.includes('"to":"crashed"'));
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the next run", () => agent.output.match(/"to":"running"/g)?.length === 2);
  expect(agent.serverPid(ID)).not.toBe(pid);
  plane.isRefusing = false;
  await waitUntil("the news", () => plane.states(ID).length >= 6, 25_000);
  expect(plane.states(ID)).toEqual(["stopped", "starting", "running", "crashed", "starting", "running"]);
  expect(crashesOf()).toHaveLength(1);
});

test("a crash while the agent was away is restarted too, an end with code 0 is not", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  await started(POLICY);
  const pid = agent.serverPid(ID);
  await agent.end("SIGKILL");
  await type("exit 9");
  await waitUntil("the server to end", () => !isAlive(pid));
  await world.back();
  await waitUntil("the second run", () => plane.states(ID).filter((state) => state === "running").length === 2);
  await type("exit 0");
  expect(await plane.inState(ID, "stopped")).toMatchObject({ exitCode: 0, crashCount: 1, desiredPower: "stopped" });
  expect(crashesOf()).toHaveLength(1);
});
