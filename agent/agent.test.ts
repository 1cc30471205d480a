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

async function logs(from: number | null = 0, limitBytes = 65_536) {
  const answer = await world.plane.request({ op: "logs", serverId: ID, from, limitBytes });
  if (!answer.ok) throw new Error(answer.error);
  return answer.data as { data: string; from: number; to: number; oldest: number; latest: number };
}

const said = (text: string) => waitUntil(`the console to say ${text}`, async () => (await logs()).data.includes(text));
const say = (data: string) => world.plane.request({ op: "console_input", serverId: ID, data });

async function started(change: Parameters<typeof serverSpec>[0] = {}) {
  const { plane, agent } = world;
  plane.setServers(serverSpec(change));
  agent.start();
  await plane.startServer(ID);
}

test("a server is started, answers its console, and stops by its command", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await started();
  expect(plane.states(ID)).toEqual(["stopped", "starting", "running"]);
  expect(await plane.power(ID, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  expect(await say("hello")).toMatchObject({ ok: true });
  await said("echo: hello\n");
  expect(await plane.power(ID, "stop")).toMatchObject({ ok: true, data: { state: "stopping" } });
  expect(await plane.inState(ID, "stopped")).toMatchObject({ exitCode: 0, desiredPower: "stopped", reason: null });
  expect(await plane.power(ID, "stop")).toMatchObject({ ok: false, code: "SERVER_NOT_RUNNING" });
  expect(await say("too late")).toMatchObject({ ok: false, code: "SERVER_NOT_RUNNING" });
  expect(plane.badFrames).toEqual([]);
});

test("a restart is one more run of the same server", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  await started();
  const first = agent.serverPid(ID);
  await plane.power(ID, "restart");
  await waitUntil("another run", () => plane.states(ID).filter((state) => state === "running").length === 2);
  expect(agent.serverPid(ID)).not.toBe(first);
  expect(plane.states(ID)).toEqual(["stopped", "starting", "running", "stopping", "starting", "running"]);
});

test("a crash is told with its code, and the server stays down", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await started();
  await say("exit 42");
  expect(await plane.inState(ID, "crashed")).toMatchObject({ exitCode: 42, crashCount: 1, desiredPower: "running" });
});

test("a game that does not listen is asked, then terminated, and kill cuts through", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await started({
    startup: "trap '' INT; trap 'echo got TERM' TERM; echo ready; while :; do sleep 0.1; done",
    stopCommand: "^C",
    stopTimeoutSeconds: 1,
  });
  await plane.power(ID, "stop");
  expect(await plane.power(ID, "stop")).toMatchObject({ ok: true, data: { alreadyUnderWay: true } });
  expect(await plane.power(ID, "start")).toMatchObject({ ok: true, data: { state: "stopping" } });
  await said("got TERM");
  expect(plane.lastEvent(ID)?.state).toBe("stopping");
  await plane.power(ID, "kill");
  expect(await plane.inState(ID, "stopped")).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
});

test("a server that never says it is ready counts as running, with a note", { timeout: 30_000 }, async () => {
  await started({ startup: "exec sleep 60", startTimeoutSeconds: 1, stopCommand: "^C" });
  expect(world.plane.lastEvent(ID)?.reason).toMatch(/ready in time/);
});

test("a server that cannot be started is an error in words", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  plane.setServers(serverSpec({ startup: "run {{MISSING}}" }));
  agent.start();
  await plane.inState(ID, "stopped");
  await plane.power(ID, "start");
  expect((await plane.inState(ID, "error")).reason).toContain("MISSING");
});

test("a template's values are in the game's own files before each start", { timeout: 30_000 }, async () => {
  const configFiles = [
    { path: "conf/server.yml", parser: "yaml" as const, values: { "net.port": "{{SERVER_PORT}}", motd: "{{MOTD}}" } },
  ];
  await started({
    startup: "cat conf/server.yml; echo ready; read end",
    configFiles,
    environment: { MOTD: "hi: all" },
  });
  expect((await logs()).data).toBe('net:\n  port: 25565\nmotd: "hi: all"\nready\n');
});

test("the same command id is answered, not repeated", { timeout: 30_000 }, async () => {
  const { plane, agent } = world;
  await started();
  await plane.power(ID, "stop");
  await plane.inState(ID, "stopped");
  const [first, second] = await Promise.all([plane.power(ID, "start", "same"), plane.power(ID, "start", "same")]);
  expect(second).toMatchObject({ ok: true, data: { state: "starting", alreadyUnderWay: false } });
  expect({ ...first, requestId: "" }).toEqual({ ...second, requestId: "" });
  await plane.inState(ID, "running");
  await agent.end("SIGKILL");
  await world.back();
  expect(await plane.power(ID, "start", "same")).toMatchObject({ ok: true, data: { state: "starting" } });
});

test("history is given by offset, whole characters, and the tail from a line's start", {
  timeout: 30_000,
}, async () => {
  await started();
  await say("grüße");
  await said("grüße");
  const all = await logs();
  expect(all).toMatchObject({ from: 0, oldest: 0, to: all.latest });
  const cut = await logs(0, Buffer.byteLength("ready\necho: gr") + 1);
  expect(cut.data).toBe("ready\necho: gr");
  expect((await logs(cut.to)).data).toBe("üße\n");
  // A tail shorter than the last line is as much of it as fits.
  expect((await logs(null, 12)).data).toBe("ho: grüße\n");
  expect((await logs(null, 18)).data).toBe("echo: grüße\n");
  expect(await logs(1_000_000)).toMatchObject({ data: "", from: all.latest, to: all.latest });
});

test("live console text reaches a hub that opened it", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await started();
  plane.send({ type: "console_open", serverId: ID });
  await say("live");
  await waitUntil("the live text", () => plane.consoleText.includes("echo: live\n"));
});

test("figures are sent while somebody looks, and not otherwise", { timeout: 30_000 }, async () => {
  const { plane } = world;
  await started();
  const count = (type: string) => plane.frames.filter((frame) => frame.type === type).length;
  plane.send({ type: "watch", serverIds: [ID, "unknown"], health: true });
  await waitUntil("figures", () => count("resource_stats") >= 2 && count("health_report") >= 2);
  const stats = plane.frames.findLast((frame) => frame.type === "resource_stats");
  expect(stats).toMatchObject({ serverId: ID, memoryLimitBytes: 64 * 2 ** 20, diskLimitBytes: 100 * 2 ** 20 });
  plane.send({ type: "watch", serverIds: [], health: false });
  expect(await plane.request({ op: "health" })).toMatchObject({
    ok: true,
    data: { containerCount: 1, nodeId: "node-1" },
  });
  const before = count("resource_stats");
  await plane.request({ op: "stats", serverId: ID });
  expect(count("resource_stats")).toBe(before);
});

test("no frame, however broken, ends the agent or keeps it from answering", { timeout: 60_000 }, async () => {
  const { plane, agent } = world;
  await started();
  const broken = [
    "",
    "{",
    "null",
    "[]",
    "42",
    '"x"',
    '{"type":"nothing"}',
    '{"type":"request"}',
    '{"type":"welcome"}',
    "C x 1 2 -\n{}",
    '{"type":"console_open","serverId":"../../etc"}',
    '{"type":"watch","serverIds":"x"}',
    '{"__proto__":{"type":"pong"}}',
    '{"type":"console_replay","requestId":"r","serverId":"nobody","from":-1,"maxBytes":1e99}',
    "\u0000".repeat(1000),
    '{"type":"bye","code":"x"}',
    "x".repeat(100_000),
    '{"type":"event_ack","seq":-5}',
    "[".repeat(5_000),
  ];
  for (let n = 0; n < 10_000; n++) plane.sendRaw(broken[n % broken.length]!);
  plane.sendRaw(Buffer.from([0, 1, 2, 255]));
  plane.send({ type: "event_ack", seq: Number.MAX_SAFE_INTEGER });
  plane.sendRaw('{"type":"request","requestId":"bad-1","operation":{"op":"format_disk"}}');
  await waitUntil("the refusal", () =>
    plane.frames.some((frame) => frame.type === "response" && frame.requestId === "bad-1" && !frame.ok),
  );
  expect(await say("still here")).toMatchObject({ ok: true });
  expect(await plane.power("no-such-server", "start")).toMatchObject({ ok: false, code: "NOT_FOUND" });
  expect(plane.connections).toBe(1);
  expect(agent.output).not.toContain("unhandled");
});
