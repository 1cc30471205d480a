/** The command line, as an operator meets it. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { afterEach, beforeEach, expect, test } from "vitest";
import { preflightReplySchema } from "../protocol/findings.ts";
import { makeWorld, type World } from "./testing/agent-process.ts";
import { serverSpec } from "./testing/server-spec.ts";
import { waitUntil } from "./testing/wait-until.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

function agent(args: string[], environment: Record<string, string> = {}) {
  const env = { ...process.env, NODE_ENV: "test", ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, [world.agent.module, ...args], {
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

const config = () => parse(readFileSync(world.agent.configFile, "utf8"));

test("version and help are printed", () => {
  expect(agent(["version"]).stdout).toMatch(/^\d+\.\d+\.\d+/);
  expect(agent(["--help"]).stdout).toContain("enroll");
});

test("a token enrols the machine once; the secret is for nobody else's eyes, other settings stay", {
  timeout: 30_000,
}, async () => {
  const { plane, agent: node } = world;
  writeFileSync(
    node.configFile,
    `[panel]\nurl = "${plane.url}"\n[agent]\ndata_dir = "${node.dataDir}"\nruntime = "process"\n`,
  );
  const enrol = ["enroll", "--url", plane.url, "--token", plane.token, "--config", node.configFile];
  node.start(enrol);
  expect(await node.ended()).toBe(0);
  expect(config()).toMatchObject({
    panel: { node_id: "node-1", secret: plane.secret },
    agent: { data_dir: node.dataDir, runtime: "process" },
  });
  expect(statSync(node.configFile).mode & 0o777).toBe(0o600);
  expect(node.output).not.toContain(plane.secret);
  node.start(enrol);
  expect(await node.ended()).toBe(1);
  expect(node.output).toContain("cannot be enrolled: Refused by the test.");
});

test.each([
  ["no file", null, /There is no file/],
  ["no TOML", "[panel", /is not TOML/],
  ["a wrong field", '[panel]\nurl = "ftp://x"', /panel\.url: must be an http/],
  ["an unknown field", '[panel]\nurl = "http://x"\ncolour = 1', /colour/],
  [
    "a relative folder",
    '[panel]\nurl = "http://x"\n[agent]\ndata_dir = "data"',
    /agent\.data_dir: must be an absolute path/,
  ],
  ["no identity", '[panel]\nurl = "http://x"', /not enrolled/],
])("%s is said in one sentence", (_, text, sentence) => {
  const file = join(world.agent.folder, "other.toml");
  if (text !== null) writeFileSync(file, text, { mode: 0o600 });
  const { status, stderr } = agent(["run", "--config", file]);
  expect(status).toBe(1);
  expect(stderr).toMatch(sentence);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("a secret that others can read is refused", () => {
  chmodSync(world.agent.configFile, 0o644);
  const { status, stderr } = agent(["run", "--config", world.agent.configFile]);
  expect(status).toBe(1);
  expect(stderr).toContain("chmod 600");
  expect(stderr).not.toContain(world.plane.secret);
});

test.each([["start"], ["run", "twice"], ["--nonsense"]])("an unknown command line is refused: %s", (...args) => {
  const { status, stderr } = agent(args);
  expect(status).toBe(1);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("a second agent on the same data is refused, and the first goes on", { timeout: 30_000 }, async () => {
  world.agent.start();
  await world.plane.connected();
  const { status, stderr } = agent(["run", "--config", world.agent.configFile]);
  expect(status).toBe(1);
  expect(stderr).toContain(`Another Catalyst agent is running on ${world.agent.dataDir}.`);
  expect(await world.plane.request({ op: "health" })).toMatchObject({ ok: true });
  await world.agent.end("SIGKILL");
  world.agent.start();
  await waitUntil("the next agent", () => world.plane.connections === 2);
});

test("the process runtime is refused in production unless it is allowed", { timeout: 30_000 }, async () => {
  const { agent: node, plane } = world;
  const refused = agent(["run", "--config", node.configFile], { NODE_ENV: "production" });
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("isolates nothing");
  node.configure(plane, { allow_process_runtime: true });
  node.start(["run"], { NODE_ENV: "production" });
  await plane.connected();
  expect(node.output).toContain("isolates nothing");
});

test("a node whose runtime is missing is connected, says what it lacks, and starts nothing until it comes", {
  timeout: 60_000,
}, async () => {
  const { agent: node, plane } = world;
  node.configure(plane, { runtime: "nerdctl" });
  const missing = join(world.agent.folder, "no-nerdctl");
  writeFileSync(node.configFile, `${readFileSync(node.configFile, "utf8")}\n[nerdctl]\nbinary = "${missing}"\n`);
  plane.setServers(serverSpec());
  node.start();
  await plane.connected();
  const { findings } = (await waitUntil("the node's findings", () => plane.reports[0])).preflight!;
  expect(findings).toContainEqual(expect.objectContaining({ id: "nerdctl", level: "error" }));
  expect(await plane.power("echo-1", "start")).toMatchObject({
    ok: false,
    code: "CONTAINER_ERROR",
    error: expect.stringContaining("nerdctl is not installed."),
  });
  expect(plane.specRequests).toBe(0);
  expect(await plane.request({ op: "health" })).toMatchObject({ ok: true });
  expect(await node.end("SIGTERM")).toBe(0);
});

test("a runtime that comes late is used, and the panel told that all is well", { timeout: 60_000 }, async () => {
  const { agent: node, plane } = world;
  node.configure(plane, { runtime: "nerdctl" });
  const late = join(world.agent.folder, "nerdctl");
  writeFileSync(node.configFile, `${readFileSync(node.configFile, "utf8")}\n[nerdctl]\nbinary = "${late}"\n`);
  plane.setServers(serverSpec());
  node.start();
  await waitUntil("the node's findings", () => plane.reports[0]);
  // Says its version, knows of no container, and its event stream goes on.
  const version = JSON.stringify({ Client: { Version: "v2.3.5" }, Server: { Components: [] } });
  const script = `case "$*" in *version*) echo '${version}';; *events*) exec sleep 600;; *inspect*) echo 'no such container' >&2; exit 1;; esac`;
  writeFileSync(late, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await plane.inState("echo-1", "stopped", 30_000);
  await waitUntil("the news", () => plane.reports[1], 30_000);
  expect(plane.reports[1]!.preflight!.findings).toContainEqual(
    expect.objectContaining({ id: "nerdctl", level: "ok", message: "v2.3.5" }),
  );
});

test("findings are told once, not again at each start, and on request at any time", { timeout: 60_000 }, async () => {
  const { agent: node, plane } = world;
  node.start();
  await waitUntil("the node's findings", () => plane.reports.length === 1);
  await waitUntil("the note of it", () => existsSync(join(node.dataDir, "told-findings")));
  await node.end("SIGKILL");
  node.start();
  await waitUntil("the next connection", () => plane.connections === 2 && plane.isConnected);
  const answer = await plane.request({ op: "preflight", serverTime: Date.now() - 60_000 });
  const { findings, machine } = preflightReplySchema.parse(answer.ok && answer.data);
  expect(findings).toContainEqual(expect.objectContaining({ id: "isolation", level: "warning" }));
  expect(findings).toContainEqual(
    expect.objectContaining({ id: "clock", level: "warning", message: expect.stringContaining("60 seconds ahead") }),
  );
  expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
  expect(machine.memoryMb).toBeGreaterThan(0);
  expect(plane.reports).toHaveLength(1);
});

test("preflight says what the process runtime lacks", () => {
  const { status, stdout } = agent(["preflight", "--config", world.agent.configFile]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^warning\s+Isolation: .*isolates nothing/m);
  const tools = join(world.agent.folder, "bin");
  mkdirSync(tools);
  const bare = agent(["preflight", "--config", world.agent.configFile], { PATH: tools });
  expect(bare.status).toBe(1);
  expect(bare.stdout).toMatch(/^error\s+setsid: .*util-linux/m);
});

test("the figures of the node are on 127.0.0.1, for this machine alone", { timeout: 30_000 }, async () => {
  const { plane, agent: node } = world;
  plane.setServers(serverSpec());
  node.start();
  await plane.inState("echo-1", "stopped");
  const port = readFileSync(join(node.dataDir, "stats-port"), "utf8").trim();
  const url = `http://127.0.0.1:${port}`;
  expect(await (await fetch(`${url}/stats`)).json()).toMatchObject({
    type: "health_report",
    nodeId: "node-1",
    runtime: "process",
    link: { state: "up" },
    containerCount: 0,
    servers: [{ serverId: "echo-1", state: "stopped", cpuPercent: 0 }],
  });
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/stats`, { method: "POST" })).status).toBe(405);
  const foreign = execFileSync("curl", [
    "-s",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "-H",
    "Host: evil.example",
    `${url}/stats`,
  ]);
  expect(foreign.toString()).toBe("403");
  const listening = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .filter((line) => line.includes(" 0A "));
  const hexPort = Number(port).toString(16).toUpperCase().padStart(4, "0");
  expect(
    listening.filter((line) => line.includes(`:${hexPort} `)).every((line) => line.includes(` 0100007F:${hexPort} `)),
  ).toBe(true);
});

test("a taken stats port is no reason not to run games", { timeout: 30_000 }, async () => {
  const { plane, agent: node } = world;
  node.configure(plane, { stats_port: Number(new URL(plane.url).port) });
  node.start();
  await plane.connected();
  expect(readFileSync(join(node.dataDir, "stats-port"), "utf8").trim()).not.toBe(new URL(plane.url).port);
});

test("nothing in the log is a secret or a variable of an owner", { timeout: 30_000 }, async () => {
  const { plane, agent: node } = world;
  node.configure(plane, { log_level: "trace" });
  plane.setServers(serverSpec({ environment: { RCON_PASSWORD: "hunter2-hunter2" }, startup: "exec /missing" }));
  node.start();
  await plane.inState("echo-1", "stopped");
  await plane.power("echo-1", "start");
  await plane.inState("echo-1", "crashed");
  expect(node.output).not.toContain(plane.secret);
  expect(node.output).not.toContain("hunter2");
});
