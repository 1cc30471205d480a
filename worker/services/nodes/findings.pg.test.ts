import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Node, NodeDetail } from "../../../protocol/api/nodes.ts";
import { FINDING_TEXT_MAX, FINDINGS_MAX, type Finding } from "../../../protocol/findings.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let user: Person;
let nodeId: string;
let secret: string;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  user = await world.person("user");
});
afterAll(() => world.close());

let count = 0;
beforeEach(async () => {
  nodeId = await world.node(`node-${++count}`, { memoryMb: 8192, cpuCores: 4, diskMb: 1000 });
  secret = await world.nodeSecret(nodeId);
});

const MACHINE = { memoryMb: 8192, swapMb: 0, cpuCores: 4, diskMb: 1000 };
const finding = (change: Partial<Finding> = {}): Finding => ({
  id: "clock",
  level: "warning",
  subject: "Clock",
  message: "A minute ahead.",
  remedy: "Set it.",
  ...change,
});

const report = (findings: unknown, machine: unknown = MACHINE, token = secret) =>
  world.call("POST", "/api/agent/report", {
    token,
    headers: { "x-catalyst-node": nodeId },
    body: { preflight: { findings, machine }, addedLater: 1 },
  });
const node = (as = admin) => world.must<NodeDetail>("GET", `/api/nodes/${nodeId}`, { as });

describe("a check on demand", () => {
  const check = (as: Person) => world.call<NodeDetail>("POST", `/api/nodes/${nodeId}/preflight`, { as });

  it("asks the agent with the panel's time, and keeps what it answers", async () => {
    const hub = world.hubs.of(nodeId);
    hub.agentConnected = true;
    hub.answer = () => ({ ok: true, data: { findings: [finding()], machine: MACHINE } });
    const before = Date.now();
    const answer = await check(admin);
    expect(answer.data).toMatchObject({ findings: [finding()], findingCounts: { errors: 0, warnings: 1 } });
    const [asked] = hub.requests;
    expect(asked!.operation).toMatchObject({ op: "preflight", serverTime: expect.any(Number) });
    expect((asked!.operation as { serverTime: number }).serverTime).toBeGreaterThanOrEqual(before);
    expect(await node()).toMatchObject({ findings: [finding()], machine: MACHINE, findingsAt: answer.data.findingsAt });
    expect(Date.parse(answer.data.findingsAt!)).toBeGreaterThanOrEqual(before);
  });

  it("changes nothing when the node is offline or answers nonsense", async () => {
    await report([finding()]);
    expect((await check(admin)).body.code).toBe("NODE_OFFLINE");
    const hub = world.hubs.of(nodeId);
    hub.agentConnected = true;
    for (const data of [null, {}, { findings: [{ id: "x" }], machine: MACHINE }]) {
      hub.answer = () => ({ ok: true, data });
      expect((await check(admin)).body.code).toBe("CONTAINER_ERROR");
    }
    expect((await node()).findings).toEqual([finding()]);
  });

  it("is for those who look after nodes", async () => {
    expect((await check(user)).status).toBe(403);
    const viewer = await world.personWith(`viewer-${count}`, ["node.view_stats"]);
    expect((await check(viewer)).body.code).toBe("NODE_OFFLINE");
  });
});

describe("what a node reports by itself", () => {
  it("is shown to those who look after nodes, and to nobody else", async () => {
    expect((await report([finding(), finding({ id: "containerd", level: "error" })])).status).toBe(200);
    expect((await node()).findings).toHaveLength(2);
    const list = await world.must<Node[]>("GET", "/api/nodes?limit=200", { as: admin });
    expect(list.find(({ id }) => id === nodeId)).toMatchObject({ findingCounts: { errors: 1, warnings: 1 } });
    // They may see the node, to put a server on it.
    expect(await node(user)).toMatchObject({ findings: null, findingsAt: null, machine: null, findingCounts: null });
    expect((await world.call("GET", "/api/nodes?limit=200", { as: user })).text).not.toContain("A minute ahead");
  });

  it("is empty before the first report", async () => {
    expect(await node()).toMatchObject({ findings: null, findingsAt: null, findingCounts: null });
  });

  it.each<[string, unknown, unknown?]>([
    ["too many", Array.from({ length: FINDINGS_MAX + 1 }, (_, i) => finding({ id: `f-${i}` }))],
    ["too long", [finding({ message: "x".repeat(FINDING_TEXT_MAX + 1) })]],
    ["an id that is none", [finding({ id: "<b>" })]],
    ["another level", [finding({ level: "fatal" as never })]],
    ["no list", "findings"],
    ["a machine of nonsense", [], { ...MACHINE, memoryMb: -1 }],
  ])("is refused with %s", async (_what, findings, machine = MACHINE) => {
    expect((await report(findings, machine)).body.code).toBe("VALIDATION");
    expect((await node()).findings).toBeNull();
  });

  it("is kept as plain lines: no control character, no hidden or reversed text, one finding an id", async () => {
    const answer = await report([
      finding({ message: "\u001b[31mred\nsecond\u0000 \u202Egnp.exe\u2066 \ud800" }),
      finding({ message: "the last of this id" }),
      finding({ id: "other", subject: "\u200b", message: "\u001b[31mred\nsecond\u0000 \u202Egnp.exe" }),
    ]);
    expect(answer.status, answer.text).toBe(200);
    expect((await node()).findings).toEqual([
      finding({ message: "the last of this id" }),
      finding({ id: "other", subject: "other", message: "[31mred second  gnp.exe" }),
    ]);
  });

  it("is taken from the node itself alone, and only for itself", async () => {
    const other = nodeId;
    expect((await report([finding()], MACHINE, "catn_wrong")).status).toBe(401);
    expect((await report([finding()], MACHINE, admin.token)).status).toBe(401);
    await world.must("POST", `/api/nodes/${nodeId}/rotate-secret`, { as: admin, body: {} });
    expect((await report([finding()])).status).toBe(401);
    nodeId = other;
    expect((await node()).findings).toBeNull();
  });

  it("is not written all day long by a node that was taken over", async () => {
    await report([finding()]);
    const again = await report([finding({ message: "again" })]);
    expect([again.status, again.body.code]).toEqual([429, "RATE_LIMITED"]);
    expect((await node()).findings).toEqual([finding()]);
    world.clock.offsetMs += 6_000;
    expect((await report([finding({ message: "later" })])).status).toBe(200);
    world.clock.offsetMs = 0;
  });
});

describe("what was declared for a node", () => {
  it("is held against what its machine has, from the moment either changes", async () => {
    await report([], { ...MACHINE, memoryMb: 4096 });
    expect((await node()).findings).toEqual([
      expect.objectContaining({ id: "declared-memory", level: "warning", message: expect.stringContaining("4096") }),
    ]);
    expect((await node()).findingCounts).toEqual({ errors: 0, warnings: 1 });
    await world.must("PATCH", `/api/nodes/${nodeId}`, { as: admin, body: { maxMemoryMb: 4096 } });
    expect(await node()).toMatchObject({ findings: [], findingCounts: { errors: 0, warnings: 0 } });
    await world.must("PATCH", `/api/nodes/${nodeId}`, { as: admin, body: { maxCpuCores: 16, maxDiskMb: 4000 } });
    expect((await node()).findings!.map(({ id }) => id)).toEqual(["declared-cpu", "declared-disk"]);
  });

  it("may be a little more than what the kernel leaves of it", async () => {
    await report([], { ...MACHINE, memoryMb: 7900 });
    expect((await node()).findings).toEqual([]);
  });
});
