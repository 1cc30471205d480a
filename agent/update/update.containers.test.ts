/** The same on real containers: what runs in one does not notice that the agent became another build. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { buildName } from "../../protocol/agent-update.ts";
import { LABEL } from "../runtime/nerdctl/options.ts";
import { ECHO_IMAGE } from "../runtime/nerdctl/testing/test-node.ts";
import { makeWorld, type World } from "../testing/agent-process.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { buildOf, SupervisedAgent } from "../testing/supervised-agent.ts";
import { waitUntil } from "../testing/wait-until.ts";

const nodeId = `update-${process.pid}`;
const ID = `update-echo-${process.pid}`;

let world: World;
let node: SupervisedAgent;

beforeEach(async () => {
  world = await makeWorld(nodeId, { runtime: "nerdctl" });
  node = new SupervisedAgent(world.agent);
});
afterEach(async () => {
  world.plane.setServers();
  await waitUntil("the container to be gone", () => containers().length === 0, 30_000);
  await node.stop();
  await world.close();
});

const nerdctl = (...args: string[]) =>
  execFileSync("nerdctl", ["--namespace", "catalyst", ...args], { encoding: "utf8" });
const containers = () =>
  nerdctl("ps", "-a", "-q", "--no-trunc", "--filter", `label=${LABEL.server}=${ID}`)
    .split("\n")
    .filter((id) => id !== "");
const pidOf = (id: string) => nerdctl("inspect", "--format", "{{.State.Pid}}", id).trim();

it("keeps the container, its process and its console", { timeout: 120_000 }, async () => {
  const { plane } = world;
  const image = { image: ECHO_IMAGE, installImage: ECHO_IMAGE, networkMode: "bridge" as const, allocations: [] };
  plane.setServers(serverSpec({ id: ID, ...image }));
  node.start();
  await plane.startServer(ID, 30_000);
  const [container] = containers();
  const pid = pidOf(container!);
  const say = (data: string) => plane.request({ op: "console_input", serverId: ID, data });
  const logs = () => plane.logText(ID);
  await say("before");
  await waitUntil("the answer", async () => (await logs()).includes("echo: before"));
  const before = await logs();

  const bundle = `${node.bundle()}\n// next\n`;
  plane.serveBundle = (response) => void response.end(bundle);
  const next = buildOf(bundle);
  expect(await plane.request({ op: "update", updateId: "u-1", build: next })).toMatchObject({ ok: true });
  const hello = () => plane.frames.findLast((frame) => frame.type === "hello");
  await waitUntil("the next build", () => JSON.stringify(hello() ?? "").includes(buildName(next)), 30_000);

  expect(containers()).toEqual([container]);
  expect(pidOf(container!)).toBe(pid);
  await say("after");
  await waitUntil("the answer", async () => (await logs()).includes("echo: after"));
  expect((await logs()).startsWith(before)).toBe(true);
  expect(plane.lastEvent(ID)?.state).toBe("running");
});

it("a machine with containerd has no error to find, and one whose containerd is away says so", {
  timeout: 120_000,
}, async () => {
  const { plane, agent } = world;
  node.start();
  await plane.connected();
  const findings = async () => {
    const answer = await plane.request({ op: "preflight", serverTime: Date.now() });
    return (answer.ok ? answer.data : { findings: [] }) as { findings: { id: string; level: string }[] };
  };
  const levels = Object.fromEntries((await findings()).findings.map(({ id, level }) => [id, level]));
  expect(Object.entries(levels).filter(([, level]) => level === "error")).toEqual([]);
  expect(levels).toMatchObject({ nerdctl: "ok", containerd: "ok", runc: "ok", "network-plugins": "ok", cgroups: "ok" });

  const config = readFileSync(agent.configFile, "utf8");
  writeFileSync(agent.configFile, `${config}\n[nerdctl]\naddress = "${join(agent.folder, "nowhere.sock")}"\n`);
  await agent.end("SIGKILL");
  await waitUntil("the restarted agent", () => plane.connections === 2 && plane.isConnected, 30_000);
  expect((await findings()).findings).toContainEqual(
    expect.objectContaining({ id: "containerd", level: "error", message: expect.stringContaining("nowhere.sock") }),
  );
  writeFileSync(agent.configFile, config);
  await agent.end("SIGKILL");
  await waitUntil("the agent with containerd", () => plane.connections === 3 && plane.isConnected, 30_000);
});
