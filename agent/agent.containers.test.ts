/** The agent's guarantees again, on containers. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeConsoleInput } from "./console/console-input.ts";
import { serverPaths } from "./console/server-paths.ts";
import { makeWorld, type World } from "./testing/agent-process.ts";
import { ECHO, serverSpec } from "./testing/server-spec.ts";
import { waitUntil } from "./testing/wait-until.ts";

let world: World;
let id: string;
beforeEach(async () => {
  const suffix = randomBytes(6).toString("hex");
  id = `agent-test-${suffix}`;
  world = await makeWorld(`node-${suffix}`, { runtime: "nerdctl" });
});
afterEach(async () => {
  // Removed by the agent itself, as a deleted server is.
  const { plane, agent } = world;
  if (!plane.isConnected) agent.start();
  await plane.connected();
  plane.setServers();
  await waitUntil("the container to be gone", () => container() === "", 30_000);
  await world.close();
});

const nerdctl = (...args: string[]) =>
  execFileSync("nerdctl", ["--namespace", "catalyst", ...args], { encoding: "utf8" });
/** Id of the server's container. */
const container = () => nerdctl("ps", "-aq", "--no-trunc", "--filter", `label=catalyst.server=${id}`).trim();
const pid = () => nerdctl("inspect", "--format", "{{.State.Pid}}", container()).trim();
const type = (line: string) => writeConsoleInput(serverPaths(world.agent.dataDir, id), line);

const image = "catalyst-test/echo:1";
const spec = (change = {}) =>
  serverSpec({ id, image, installImage: image, allocations: [], networkMode: "bridge", startup: ECHO, ...change });

const logText = () => world.plane.logText(id);

async function started(change = {}) {
  const { plane, agent } = world;
  plane.setServers(spec(change));
  agent.start();
  await plane.startServer(id, 60_000);
}

test("a server in a container is started, answers its console, and stops by its command", async () => {
  const { plane } = world;
  await started({
    configFiles: [{ path: "server.properties", parser: "properties", values: { memory: "{{SERVER_MEMORY}}" } }],
    startup: `cat server.properties; echo >> server.properties; ${ECHO}`,
  });
  await plane.request({ op: "console_input", serverId: id, data: "hello" });
  await waitUntil("the echo", async () => (await logText()).includes("echo: hello\n"));
  expect(await logText()).toContain("memory=64\n");
  const stats = await plane.request({ op: "stats", serverId: id });
  expect(stats).toMatchObject({ ok: true, data: { memoryLimitBytes: 64 * 2 ** 20 } });
  await plane.power(id, "stop");
  expect(await plane.inState(id, "stopped", 30_000)).toMatchObject({ exitCode: 0 });
});

test("an agent killed during an install that deletes files begins it anew, deletes nothing again, leaves one container", async () => {
  const { plane, agent } = world;
  const data = serverPaths(agent.dataDir, id).data;
  await started({ installScript: "echo old > world", startup: ECHO });
  await plane.power(id, "stop");
  await plane.inState(id, "stopped", 30_000);
  const installScript = "ls >> seen; [ -e second ] || { touch second; sleep 300; }; chown 0:0 second";
  plane.setServers(spec({ version: 2, installGeneration: 2, wipeGeneration: 2, installScript }));
  await waitUntil("the script to run", () => existsSync(join(data, "second")), 30_000);
  expect(existsSync(join(data, "world"))).toBe(false);
  writeFileSync(join(data, "world"), "saved since");
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("the install", () => plane.lastEvent(id)?.installedGeneration === 2, 60_000);
  expect(readFileSync(join(data, "world"), "utf8")).toBe("saved since");
  expect(readFileSync(join(data, "seen"), "utf8")).toBe("seen\nsecond\nseen\nworld\n");
  expect(statSync(join(data, "second"))).toMatchObject({ uid: 988, gid: 988 });
  expect(container()).toBe("");
});

test("a configuration file that is broken is named in the console, and the server starts with the others", async () => {
  const { plane } = world;
  await started({
    installScript: "printf 'port: [1' > broken.yml; printf '# kept\\nport: 1\\n' > fine.yml",
    configFiles: [
      { path: "broken.yml", parser: "yaml", values: { port: "2" } },
      { path: "fine.yml", parser: "yaml", values: { port: "{{SERVER_MEMORY}}" } },
    ],
    startup: `cat broken.yml fine.yml; ${ECHO}`,
  });
  expect(await logText()).toContain(
    "[catalyst] broken.yml was left as it is: it is not YAML.\nport: [1# kept\nport: 64\nready\n",
  );
  expect(plane.lastEvent(id)?.state).toBe("running");
});

test("a killed agent finds the same container running, and is told of an end while it was away", async () => {
  const { plane, agent } = world;
  await started();
  const before = { container: container(), pid: pid() };
  await agent.end("SIGKILL");
  await world.back();
  expect(await plane.power(id, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  expect({ container: container(), pid: pid() }).toEqual(before);
  await agent.end("SIGKILL");
  await type("exit 7");
  await waitUntil("the game to end", () => !existsSync(`/proc/${before.pid}`));
  agent.start();
  expect(await plane.inState(id, "crashed", 30_000)).toMatchObject({ exitCode: 7, crashCount: 1 });
  expect(plane.states(id)).toEqual(["stopped", "starting", "running", "crashed"]);
});

test("a server is installed in a container of its own, and an image that is not there is said in words", async () => {
  const { plane } = world;
  await started({ installScript: "echo unpacking; echo made > made", startup: `cat made; ${ECHO}` });
  expect(await logText()).toContain("unpacking\nmade\nready\n");
  plane.setServers(spec({ version: 2, image: "localhost:1/no/such:image" }));
  await plane.power(id, "restart");
  const { reason } = await plane.inState(id, "error", 90_000);
  expect(reason).toMatch(/image/i);
});

test("a restart whose agent is killed between stop and start still starts", { timeout: 120_000 }, async () => {
  const { plane, agent } = world;
  await started({ startup: "trap 'sleep 2; exit 0' INT; echo ready; while :; do sleep 0.05; done", stopCommand: "^C" });
  const before = container();
  await plane.power(id, "restart");
  await plane.inState(id, "stopping");
  await agent.end("SIGKILL");
  agent.start();
  await waitUntil("another run", () => plane.states(id).filter((state) => state === "running").length === 2, 60_000);
  expect(container()).not.toBe(before);
  expect(plane.states(id)).not.toContain("crashed");
});
