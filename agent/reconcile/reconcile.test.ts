import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ServerState } from "../../protocol/server-state.ts";
import type { ServerSpec } from "../../protocol/spec.ts";
import { serverPaths } from "../console/server-paths.ts";
import { readProcessStat } from "../process-stat.ts";
import { makeWorld, type World } from "../testing/agent-process.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { waitUntil } from "../testing/wait-until.ts";

const ID = "echo-1";
let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

const paths = (id = ID) => serverPaths(world.agent.dataDir, id);
/** Starts the agent with one server, and waits until that is in the state. */
async function begun(spec: ServerSpec, state: ServerState): Promise<void> {
  world.plane.setServers(spec);
  world.agent.start();
  await world.plane.inState(ID, state);
}
const logTail = () => world.plane.request({ op: "logs", serverId: ID, from: null, limitBytes: 1000 });
const running = (change = {}) => serverSpec({ desiredPower: "running", desiredPowerAt: 10, ...change });

test("a server that shall run runs, and stops when it shall not", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await begun(running(), "running");
  plane.setServers(serverSpec({ version: 2, desiredPower: "stopped", desiredPowerAt: 20 }));
  await plane.inState(ID, "stopped");
});

test("a request for a server that was just made is served though its hint comes late", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  plane.setServers(running({ id: "older" }));
  agent.start();
  await plane.inState("older", "running");
  plane.spec = { ...plane.spec, generation: plane.spec.generation + 1, servers: [...plane.spec.servers, serverSpec()] };
  expect(await plane.power(ID, "start")).toMatchObject({ ok: true });
  await plane.inState(ID, "running");
});

test("what is started right after a change starts as it was changed, however long its spec takes", {
  timeout: 30_000,
}, async () => {
  const { plane } = world;
  await begun(serverSpec(), "stopped");
  plane.specDelayMs = 500;
  plane.setServers(serverSpec({ version: 2, startup: "echo changed; echo 'echo server ready'; cat" }));
  expect(await plane.power(ID, "start")).toMatchObject({ ok: true });
  await plane.inState(ID, "running");
  expect(await logTail()).toMatchObject({ ok: true, data: { data: expect.stringContaining("changed\n") } });
  await plane.power(ID, "kill");
});

test("a change that comes while the one before is fetched is not waited for any longer than it takes", {
  timeout: 30_000,
}, async () => {
  const { plane } = world;
  await begun(serverSpec(), "stopped");
  const before = plane.specRequests;
  plane.specDelayMs = 200;
  plane.setServers(serverSpec({ version: 2 }));
  await waitUntil("the first change to be fetched", () => plane.specRequests > before);
  plane.setServers(serverSpec({ version: 3, startup: "echo changed twice; echo 'echo server ready'; cat" }));
  expect(await plane.power(ID, "start")).toMatchObject({ ok: true });
  await plane.inState(ID, "running");
  expect(await logTail()).toMatchObject({ ok: true, data: { data: expect.stringContaining("changed twice\n") } });
  await plane.power(ID, "kill");
});

test("a panel that cannot tell the spec keeps nobody from starting and stopping for long", {
  timeout: 30_000,
}, async () => {
  const { plane } = world;
  await begun(serverSpec(), "stopped");
  plane.specDelayMs = 20_000;
  plane.setServers(serverSpec({ version: 2 }));
  expect(await plane.power(ID, "start")).toMatchObject({ ok: true });
  await plane.inState(ID, "running");
  expect(await plane.power(ID, "stop")).toMatchObject({ ok: true });
  await plane.inState(ID, "stopped");
});

test("a suspended server is stopped and cannot be started until it is not suspended any more", {
  timeout: 30_000,
}, async () => {
  const { plane } = world;
  await begun(running(), "running");
  plane.setServers(running({ version: 2, suspended: true }));
  await plane.inState(ID, "suspended");
  expect(await plane.power(ID, "start")).toMatchObject({ ok: false, code: "SERVER_SUSPENDED" });
  plane.setServers(running({ version: 3 }));
  await plane.inState(ID, "running");
});

test("a removed server is ended and nothing of it is left; its neighbour stays", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  const neighbour = running({ id: "neighbour" });
  plane.setServers(running(), neighbour);
  agent.start();
  await plane.inState(ID, "running");
  await plane.inState("neighbour", "running");
  const pid = agent.serverPid(ID);
  writeFileSync(join(paths().data, "world.dat"), "x");
  plane.setServers(neighbour);
  await waitUntil("the folder to be gone", () => !existsSync(paths().root));
  expect(readProcessStat(pid)?.state ?? "Z").toBe("Z");
  expect(await plane.power(ID, "start")).toMatchObject({ ok: false, code: "NOT_FOUND" });
  expect(plane.lastEvent("neighbour")?.state).toBe("running");
  expect(existsSync(paths("neighbour").root)).toBe(true);
});

test("a removal that came while the agent was away is carried out when it is back", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  await begun(running(), "running");
  const pid = agent.serverPid(ID);
  await agent.end("SIGKILL");
  plane.setServers();
  agent.start();
  await waitUntil("the folder to be gone", () => !existsSync(paths().root));
  expect(readProcessStat(pid)?.state ?? "Z").toBe("Z");
});

test("a lost hint costs nothing: the generation is stated at each connection", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  agent.start();
  await plane.connected();
  plane.spec = { ...plane.spec, generation: 5, servers: [serverSpec()] };
  plane.drop();
  await plane.inState(ID, "stopped");
  const requests = plane.specRequests;
  plane.drop();
  await waitUntil("the third connection", () => plane.connections === 3 && plane.isConnected);
  await plane.request({ op: "health" });
  expect(plane.specRequests).toBe(requests);
});

test("a damaged stored spec removes nothing", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  await begun(running(), "running");
  const pid = agent.serverPid(ID);
  await agent.end("SIGKILL");
  writeFileSync(join(agent.dataDir, "spec.json"), "torn");
  plane.isRefusing = true;
  agent.start();
  await waitUntil("the agent to be up", () => existsSync(join(agent.dataDir, "stats-port")));
  plane.isRefusing = false;
  await waitUntil("the agent to be back", () => plane.connections === 2 && plane.isConnected);
  await waitUntil("the server to be found running", async () => {
    const answer = await plane.power(ID, "start");
    return !answer.ok && answer.code === "SERVER_ALREADY_RUNNING";
  });
  expect(agent.serverPid(ID)).toBe(pid);
});

test("a spec that this agent does not understand keeps the server it speaks of", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await begun(running(), "running");
  const strange = { ...running(), networkMode: "quantum" };
  plane.rawSpec = { nodeId: "node-1", generation: 2, servers: [strange, serverSpec({ id: "other" })] };
  plane.setServers(running());
  await plane.inState("other", "stopped");
  expect(plane.lastEvent(ID)?.state).toBe("running");
});

test("another node's servers are ended when a machine is enrolled anew, and their files are kept", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  await begun(serverSpec(), "stopped");
  await agent.end("SIGTERM");
  writeFileSync(join(paths().data, "world.dat"), "precious");
  const stored = readFileSync(join(agent.dataDir, "spec.json"), "utf8");
  const body = stored.slice(stored.indexOf("\n") + 1).replace('"nodeId":"node-1"', '"nodeId":"node-0"');
  const { createHash } = await import("node:crypto");
  writeFileSync(join(agent.dataDir, "spec.json"), `${createHash("sha256").update(body).digest("hex")}\n${body}`);
  plane.setServers();
  agent.start();
  await waitUntil("the folder to be moved", () => !existsSync(paths().root));
  const kept = await waitUntil("where they are", () => agent.output.match(/"kept":"([^"]+)"/)?.[1]);
  expect(readFileSync(join(kept, "data", "world.dat"), "utf8")).toBe("precious");
});

const SCRIPT = "echo unpacking; sleep 0.2; echo v$VERSION > version; echo unpacked";

test("a new server is installed with live output before it can run, and again when asked for", {
  timeout: 30_000,
}, async () => {
  const { plane, agent } = world;
  agent.start();
  await plane.connected();
  plane.send({ type: "console_open", serverId: ID });
  plane.setServers(running({ installScript: SCRIPT, environment: { VERSION: "1" } }));
  await plane.inState(ID, "running");
  expect(plane.states(ID)).toEqual(["installing", "starting", "running"]);
  await waitUntil("the install's output", () => plane.consoleText.includes("unpacked\n"));
  expect(readFileSync(join(paths().data, "version"), "utf8")).toBe("v1\n");
  plane.setServers(running({ version: 2, installGeneration: 2, installScript: SCRIPT, environment: { VERSION: "2" } }));
  await waitUntil("the second install", () => plane.lastEvent(ID)?.installedGeneration === 2);
  await plane.inState(ID, "running");
  expect(readFileSync(join(paths().data, "version"), "utf8")).toBe("v2\n");
});

test.each([
  ["exit 3", 60, /exit code 3/],
  ["sleep 66", 1, /within 1 seconds/],
])(
  "an install that does '%s' is an error in words, and a start tries again",
  { timeout: 30_000 },
  async (installScript, installTimeoutSeconds, reason) => {
    const { plane, agent } = world;
    plane.setServers(serverSpec({ installScript, installTimeoutSeconds }));
    agent.start();
    const failed = await plane.inState(ID, "error");
    expect(failed.reason).toMatch(reason);
    expect(failed.installedGeneration).toBe(0);
    expect(await plane.power(ID, "start")).toMatchObject({ ok: true, data: { state: "installing" } });
  },
);

test("an install is done anew by an agent that was killed during it", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  const installScript = "echo x >> runs; [ $(wc -l < runs) -gt 1 ] || sleep 67";
  await begun(serverSpec({ installScript }), "installing");
  await waitUntil("the script to run", () => existsSync(join(paths().data, "runs")));
  await agent.end("SIGKILL");
  agent.start();
  expect(await plane.inState(ID, "stopped")).toMatchObject({ installedGeneration: 1 });
  expect(readFileSync(join(paths().data, "runs"), "utf8")).toBe("x\nx\n");
});

test("an install can be cancelled, and is begun anew by a start alone", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  await begun(serverSpec({ installScript: "sleep 68" }), "installing");
  expect(await plane.request({ op: "cancel_install", serverId: ID })).toMatchObject({ ok: true });
  expect((await plane.inState(ID, "error")).reason).toBe("The installation was cancelled.");
  expect(await plane.request({ op: "cancel_install", serverId: ID })).toMatchObject({ ok: false, code: "CONFLICT" });
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the agent to be back", () => plane.connections === 2 && plane.isConnected);
  expect(await plane.power(ID, "start")).toMatchObject({ ok: true, data: { state: "installing" } });
  await plane.power(ID, "kill");
  await plane.inState(ID, "error");
});

/** Says which files it found, so that it shows whether they were deleted before it. */
const LISTING = 'ls > seen; echo "$(cat seen | grep -c world)" >> count';

test("a reinstall deletes the files once before the script, and never again", { timeout: 60_000 }, async () => {
  const { plane, agent } = world;
  const data = (name: string) => join(paths().data, name);
  await begun(serverSpec({ installScript: LISTING }), "stopped");
  writeFileSync(data("world"), "old");
  const wiping = { version: 2, installGeneration: 2, wipeGeneration: 2 };
  // Killed while the script runs: the files were deleted by then, and what the script made since is its own.
  plane.setServers(
    serverSpec({ ...wiping, installScript: `${LISTING}; [ -e second ] || { touch second; sleep 69; }` }),
  );
  await waitUntil("the script to run", () => existsSync(data("second")));
  expect(existsSync(data("world"))).toBe(false);
  writeFileSync(data("world"), "saved since");
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the install", () => plane.lastEvent(ID)?.installedGeneration === 2);
  expect(readFileSync(data("world"), "utf8")).toBe("saved since");
  expect(readFileSync(data("count"), "utf8")).toBe("0\n1\n");
  // A control plane that has not heard of it yet says it again.
  plane.setServers(serverSpec({ ...wiping, version: 3, installGeneration: 3, installScript: LISTING }));
  await waitUntil("the next install", () => plane.lastEvent(ID)?.installedGeneration === 3);
  expect(readFileSync(data("world"), "utf8")).toBe("saved since");
});

test("an agent that lost its journal deletes nothing twice", { timeout: 60_000 }, async () => {
  const { plane, agent } = world;
  await begun(serverSpec({ installScript: "true", wipeGeneration: 1 }), "stopped");
  writeFileSync(join(paths().data, "world"), "precious");
  await agent.end("SIGKILL");
  rmSync(join(agent.dataDir, "journal"), { recursive: true });
  agent.start();
  await waitUntil("the install to be done anew", () => {
    return plane.rawEvents.filter((event) => event.state === "stopped").length > 1;
  });
  expect(readFileSync(join(paths().data, "world"), "utf8")).toBe("precious");
});

test("files are deleted of a server that has nothing to install, too", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await begun(serverSpec(), "stopped");
  writeFileSync(join(paths().data, "world"), "old");
  plane.setServers(serverSpec({ version: 2, installGeneration: 2, wipeGeneration: 2 }));
  await waitUntil("the install", () => plane.lastEvent(ID)?.installedGeneration === 2);
  expect(readdirSync(paths().data)).toEqual([]);
});
