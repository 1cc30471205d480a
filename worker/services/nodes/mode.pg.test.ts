import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Node } from "../../../protocol/api/nodes.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let owner: Person;
let id: string;
let secret: string;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  await world.node();
  await world.template();
  id = await world.server(owner);
  secret = await world.nodeSecret();
});
afterAll(() => world.close());

const hub = () => world.hubs.of("node-1");
const setMode = (mode: string, as = admin, reason?: string) =>
  world.call<Node>("POST", "/api/nodes/node-1/mode", { as, body: { mode, ...(reason && { reason }) } });
const spec = () => world.spec(secret);
const create = (as = owner) =>
  world.call("POST", "/api/servers", {
    as,
    body: {
      name: "another",
      templateId: "echo",
      nodeId: "node-1",
      allocatedMemoryMb: 16,
      allocatedCpuCores: 0.05,
      allocatedDiskMb: 16,
    },
  });

beforeEach(async () => {
  await setMode("active");
  hub().agentConnected = true;
  hub().answer = () => ({ ok: true, data: { state: "starting", alreadyUnderWay: false } });
  hub().requests.length = 0;
});

describe("the mode of a node", () => {
  it("is set with who, when and why, told to the hub, and written to the audit log", async () => {
    const before = (await spec()).generation;
    const { data } = await setMode("maintenance", admin, "New disks.");
    expect(data).toMatchObject({ mode: "maintenance", modeReason: "New disks.", modeSetByName: "admin" });
    expect(data.modeSetAt).toEqual(expect.any(String));
    await world.until("the hub is told", () => hub().generations.at(-1) === before + 1);
    const [entry] = await world.query<{ details: object }>(
      "select details from audit_log where action = 'node.set_mode' order by at desc limit 1",
    );
    expect(entry!.details).toEqual({ from: "active", to: "maintenance", reason: "New disks." });
    expect((await setMode("active")).data).toMatchObject({ mode: "active", modeReason: null });
  });

  it("is for node.update alone, and one of three", async () => {
    expect((await setMode("draining", owner)).status).toBe(403);
    expect((await setMode("resting")).status).toBe(400);
    const missing = await world.call("POST", "/api/nodes/no-such/mode", { as: admin, body: { mode: "active" } });
    expect(missing.status).toBe(404);
  });

  it.each([
    ["draining", "is being drained"],
    ["maintenance", "is under maintenance"],
  ])("%s places no new server on the node, not even by an administrator", async (mode, words) => {
    await setMode(mode);
    for (const person of [owner, admin]) {
      const refused = await create(person);
      expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
      expect(refused.body.error).toContain(words);
      expect(refused.body.details).toMatchObject([{ path: "nodeId" }]);
    }
    await setMode("active");
    expect((await create()).status).toBe(201);
  });

  it("draining leaves its servers alone: they start as before", async () => {
    await setMode("draining");
    expect((await spec()).servers.every((server) => !server.held)).toBe(true);
    expect((await world.call("POST", `/api/servers/${id}/start`, { as: owner })).status).toBe(202);
  });

  it("maintenance holds its servers: a start is refused in words without asking the agent, a stop is not", async () => {
    await setMode("maintenance", admin, "New disks.");
    expect((await spec()).servers.every((server) => server.held)).toBe(true);
    for (const person of [owner, admin]) {
      for (const action of ["start", "restart"]) {
        const refused = await world.call("POST", `/api/servers/${id}/${action}`, { as: person });
        expect([refused.status, refused.body.code]).toEqual([503, "NODE_MAINTENANCE"]);
        expect(refused.body.error).toContain("under maintenance");
      }
    }
    expect(hub().requests).toEqual([]);
    expect((await world.call("POST", `/api/servers/${id}/stop`, { as: owner })).status).toBe(202);
    const server = await world.must<ServerDetail>("GET", `/api/servers/${id}`, { as: owner });
    expect(server).toMatchObject({ nodeMode: "maintenance", nodeModeReason: "New disks." });
    expect(server.nodeModeSetAt).toEqual(expect.any(String));
  });

  it("of two who create and drain at once, either the server was first or it is refused", async () => {
    for (let round = 0; round < 10; round++) {
      await setMode("active");
      const [made, drained] = await Promise.all([create(), setMode("draining")]);
      expect([201, 409]).toContain(made.status);
      expect(drained.status).toBe(200);
      expect((await create()).status).toBe(409);
    }
  });
});
