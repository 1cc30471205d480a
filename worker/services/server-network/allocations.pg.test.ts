import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AvailableAllocations, ServerAllocation } from "../../../protocol/api/server-network.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let owner: Person;
let nodeId: string;
let id: string;
let count = 0;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  await world.template();
});
afterAll(() => world.close());
beforeEach(async () => {
  nodeId = await world.node(`node-${++count}`);
  id = await world.server(owner, { nodeId });
});

const path = (rest = "") => `/api/servers/${id}/allocations${rest}`;
const list = (as = owner) => world.must<ServerAllocation[]>("GET", path(), { as });
const add = (body: Record<string, unknown> = {}, as = owner, headers: Record<string, string> = {}) =>
  world.call<ServerAllocation[]>("POST", path(), { as, body, headers });
const remove = (port: number | string, as = owner) => world.call("DELETE", path(`/${port}`), { as });
const primary = (body: Record<string, unknown>) =>
  world.call<ServerAllocation>("POST", path("/primary"), { as: owner, body });
const detail = () => world.must<ServerDetail>("GET", `/api/servers/${id}`, { as: owner });
const onNode = (body: Record<string, unknown>) =>
  world.must("POST", `/api/nodes/${nodeId}/allocations`, { as: admin, body });
const observe = (state: string, runSpecVersion: number | null) =>
  world.query(
    `insert into server_observed (server_id, state, run_spec_version, seq, observed_at) values ($1, $2, $3, 1, now())
     on conflict (server_id) do update set state = $2, run_spec_version = $3`,
    [id, state, runSpecVersion],
  );
const version = async () =>
  Number((await world.query<{ version: string }>("select version from servers where id = $1", [id]))[0]!.version);

describe("adding ports", () => {
  it("gives any free port, a chosen one, several, and tells the node and the activity log", async () => {
    expect(await list()).toMatchObject([{ ip: "0.0.0.0", port: 25565, isPrimary: true, appliesAtNextStart: false }]);
    expect((await add()).data).toMatchObject([{ port: 25566, isPrimary: false, notes: null }]);
    expect((await add({ port: 30_000 })).data).toMatchObject([{ port: 30_000, ip: "0.0.0.0" }]);
    expect((await add({ count: 3 })).data.map(({ port }) => port)).toEqual([25567, 25568, 25569]);
    expect((await list()).map(({ port }) => port)).toEqual([25565, 25566, 25567, 25568, 25569, 30_000]);
    expect(await version()).toBe(4);
    const audit = await world.query("select action from audit_log where server_id = $1 and action like '%alloc%'", [
      id,
    ]);
    expect(audit).toHaveLength(3);
  });

  it("lends out the node's free ports first, on the address that was asked for", async () => {
    await onNode({ ip: "10.0.0.1", ports: 31_000, alias: "play.example.com", notes: "for managers" });
    await onNode({ ip: "2001:DB8:0:0::5", ports: 32_000 });
    expect((await add()).data).toMatchObject([
      { ip: "10.0.0.1", port: 31_000, alias: "play.example.com", notes: null },
    ]);
    expect((await add({ ip: "2001:db8::5" })).data).toMatchObject([{ ip: "2001:db8::5", port: 32_000 }]);
    expect((await add({ ip: "10.0.0.1" })).data).toMatchObject([{ ip: "10.0.0.1", port: 25566 }]);
    expect((await add({ ip: "10.0.0.1", port: 26_000 })).data).toMatchObject([{ ip: "10.0.0.1", port: 26_000 }]);
  });

  it("refuses a port that is taken, also by a wildcard, and one of an address that is not the node's", async () => {
    const other = await world.server(owner, { nodeId, primaryPort: 27_000 });
    expect((await add({ port: 27_000 })).body).toMatchObject({ code: "PORT_IN_USE", details: [{ path: "port" }] });
    await onNode({ ip: "10.0.0.1", ports: "27000-27001" });
    expect((await add({ ip: "10.0.0.1", port: 27_000 })).body.code).toBe("PORT_IN_USE");
    expect((await add({ ip: "10.9.9.9", port: 28_000 })).body).toMatchObject({ details: [{ path: "ip" }] });
    expect((await add({ ip: "10.9.9.9", port: 28_000 }, admin)).status).toBe(201);
    expect((await add({ port: 443 })).body).toMatchObject({ code: "VALIDATION", details: [{ path: "port" }] });
    expect((await add({ port: 443 }, admin)).status).toBe(201);
    expect(other).not.toBe(id);
  });

  it.each([
    [{ port: 0 }],
    [{ port: 65_536 }],
    [{ port: 1.5 }],
    [{ ip: "nowhere" }],
    [{ ip: "fe80::1%eth0" }],
    [{ count: 0 }],
    [{ port: 30_000, count: 2 }],
    [{ surprise: 1 }],
  ])("refuses %j", async (body) => {
    expect((await add(body)).status).toBe(400);
    expect(await list()).toHaveLength(1);
  });

  it("stops at the server's limit, all or nothing, save for who manages the node's ports", async () => {
    expect((await add({ count: 10 })).body).toMatchObject({
      code: "QUOTA_EXCEEDED",
      error: "The server has 1 of at most 10 ports; 9 more can be added.",
    });
    expect(await list()).toHaveLength(1);
    expect((await add({ count: 9 })).status).toBe(201);
    expect((await add()).body.error).toBe("The server has 10 of at most 10 ports; no more can be added.");
    expect((await add({ count: 20 }, admin)).data).toHaveLength(20);
  });

  it("gives each port to one alone when many ask at the same moment", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => world.server(owner, { nodeId })));
    const answers = await Promise.all(
      ids.flatMap((serverId) =>
        Array.from({ length: 4 }, () =>
          world.call<ServerAllocation[]>("POST", `/api/servers/${serverId}/allocations`, {
            as: owner,
            body: { count: 2 },
          }),
        ),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    const ports = answers.flatMap(({ data }) => data.map(({ port }) => port));
    expect(new Set(ports).size).toBe(40);
    const chosen = await Promise.all(
      ids.map((serverId) =>
        world.call("POST", `/api/servers/${serverId}/allocations`, { as: owner, body: { port: 33_333 } }),
      ),
    );
    expect(chosen.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  it("is done once for one Idempotency-Key", async () => {
    const headers = { "Idempotency-Key": `key-${count}` };
    const first = await add({}, owner, headers);
    const second = await add({}, owner, headers);
    expect(second.text).toBe(first.text);
    expect(await list()).toHaveLength(2);
  });

  it("is offered with what is free, and on which addresses", async () => {
    await onNode({ ip: "10.0.0.1", ports: "31000-31001", alias: "play.example.com" });
    await onNode({ ports: 25_565, ip: "10.0.0.2" });
    const offer = await world.must<AvailableAllocations>("GET", path("/available"), { as: owner });
    expect(offer.addresses).toEqual([
      { ip: "0.0.0.0", alias: null },
      { ip: "10.0.0.1", alias: "play.example.com" },
      { ip: "10.0.0.2", alias: null },
    ]);
    // 25565 is taken by the server's own wildcard.
    expect(offer.free.map(({ port }) => port)).toEqual([31_000, 31_001]);
    expect(offer).toMatchObject({ used: 1, limit: 10 });
  });
});

describe("a running server", () => {
  it("has a new port from its next start on, and says so", async () => {
    await observe("running", 1);
    expect((await add()).data).toMatchObject([{ appliesAtNextStart: true }]);
    expect(await list()).toMatchObject([{ appliesAtNextStart: false }, { appliesAtNextStart: true }]);
    expect(await detail()).toMatchObject({ networkAppliesAtNextStart: true });
    await observe("running", await version());
    expect(await list()).toMatchObject([{ appliesAtNextStart: false }, { appliesAtNextStart: false }]);
    expect(await detail()).toMatchObject({ networkAppliesAtNextStart: false });
  });

  it("keeps a port it runs with, but gives up one it does not have yet", async () => {
    await add({ port: 30_000 });
    await observe("running", await version());
    await add({ port: 30_001 });
    for (const state of ["running", "starting", "stopping"]) {
      await world.query("update server_observed set state = $2 where server_id = $1", [id, state]);
      expect((await remove(30_000)).body).toMatchObject({
        code: "CONFLICT",
        error: expect.stringContaining("Stop it"),
      });
    }
    expect((await remove(30_001)).status).toBe(200);
    await observe("stopped", null);
    expect((await remove(30_000)).status).toBe(200);
    expect(await list()).toHaveLength(1);
    const free = await world.query(
      "select port, notes from allocations where node_id = $1 and server_id is null order by port",
      [nodeId],
    );
    expect(free).toEqual([
      { port: 30_000, notes: null },
      { port: 30_001, notes: null },
    ]);
  });

  it("keeps every port while its node has not said with which spec it runs", async () => {
    await add({ port: 30_000 });
    await observe("running", null);
    expect((await remove(30_000)).status).toBe(409);
  });
});

describe("the primary port", () => {
  it("can be another of the server's ports, and is shown to players and told to the node", async () => {
    await add({ port: 30_000 });
    expect((await primary({ port: 30_000 })).data).toMatchObject({ port: 30_000, isPrimary: true });
    expect(await detail()).toMatchObject({ primaryPort: 30_000, connectAddress: "203.0.113.7:30000" });
    const before = await version();
    expect((await primary({ port: 30_000 })).status).toBe(200);
    expect(await version()).toBe(before);
    const [first] = (await list()).filter((allocation) => !allocation.isPrimary);
    expect((await primary({ allocationId: first!.id })).data).toMatchObject({ port: 25565, isPrimary: true });
  });

  it("is not removed, whoever asks, and not given up for one of another server", async () => {
    const other = await world.server(owner, { nodeId, primaryPort: 27_000 });
    expect((await remove(25_565)).body).toMatchObject({ code: "VALIDATION" });
    expect((await remove(25_565, admin)).status).toBe(400);
    expect((await primary({ port: 27_000 })).status).toBe(404);
    const [foreign] = await world.query<{ id: string }>("select id from allocations where server_id = $1", [other]);
    expect((await primary({ allocationId: foreign!.id })).status).toBe(404);
    expect((await remove(foreign!.id)).status).toBe(404);
    for (const body of [{}, { port: 25_565, allocationId: foreign!.id }]) {
      expect((await primary(body)).status).toBe(400);
    }
    expect(await detail()).toMatchObject({ primaryPort: 25_565 });
  });

  it("is one alone when two are chosen at the same moment", async () => {
    await add({ count: 4 });
    const answers = await Promise.all([25566, 25567, 25568, 25569].map((port) => primary({ port })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await list()).filter(({ isPrimary }) => isPrimary)).toHaveLength(1);
  });
});

describe("one port at two addresses", () => {
  it("is named with its address, or by its id", async () => {
    await onNode({ ip: "10.0.0.1", ports: 31_000 });
    await onNode({ ip: "10.0.0.2", ports: 31_000 });
    await add({ ip: "10.0.0.1", port: 31_000 });
    await add({ ip: "10.0.0.2", port: 31_000 });
    expect((await remove(31_000)).status).toBe(409);
    expect((await remove("31000?ip=10.0.0.1")).status).toBe(200);
    const [left] = (await list()).filter(({ port }) => port === 31_000);
    expect(left).toMatchObject({ ip: "10.0.0.2" });
    expect((await remove(left!.id)).status).toBe(200);
  });
});

it("keeps notes of a port until the server gives it up", async () => {
  await add({ port: 30_000 });
  const note = (notes: string | null) =>
    world.call<ServerAllocation>("PATCH", path("/30000"), { as: owner, body: { notes } });
  expect((await note("query port")).data).toMatchObject({ notes: "query port" });
  expect((await list())[1]).toMatchObject({ port: 30_000, notes: "query port" });
  expect((await note("")).data.notes).toBeNull();
  await note("again");
  expect((await note("x".repeat(501))).status).toBe(400);
  await remove(30_000);
  expect(await world.query("select notes from allocations where node_id = $1 and port = 30000", [nodeId])).toEqual([
    { notes: null },
  ]);
});

it("changes nothing of a suspended server's ports", async () => {
  await add({ port: 30_000 });
  await world.query("update servers set is_suspended = true where id = $1", [id]);
  for (const answer of [await add(), await remove(30_000), await primary({ port: 30_000 })]) {
    expect(answer.status).toBe(423);
  }
});

describe("a node's ports", () => {
  const nodePath = (rest: string) => `/api/nodes/${nodeId}/allocations${rest}`;
  const listed = (query: string) =>
    world.must<{ port: number; serverName: string | null }[]>("GET", nodePath(query), { as: admin });

  it("are found by use, address and text, with who uses them", async () => {
    await onNode({ ip: "10.0.0.1", ports: "31000-31002", alias: "play.example.com" });
    expect(await listed("?use=used")).toMatchObject([{ port: 25_565, serverName: "a server", isPrimary: true }]);
    expect((await listed("?use=free")).map(({ port }) => port)).toEqual([31_000, 31_001, 31_002]);
    expect(await listed("?ip=10.0.0.1&q=31001")).toMatchObject([{ port: 31_001 }]);
    expect(await listed("?q=a+server")).toHaveLength(1);
    expect(await listed("?q=PLAY.example")).toHaveLength(3);
    expect((await world.call("GET", nodePath("?use=some"), { as: admin })).status).toBe(400);
  });

  it("are deleted by range; those in use stay and are counted", async () => {
    await onNode({ ports: "25560-25570" });
    const gone = await world.must("DELETE", nodePath("?ports=25560-25570"), { as: admin });
    expect(gone).toEqual({ deleted: 10, inUse: 1 });
    expect((await listed("")).map(({ port }) => port)).toEqual([25_565]);
    for (const ports of ["0", "5-2", "70000", "a"]) {
      expect((await world.call("DELETE", nodePath(`?ports=${ports}`), { as: admin })).status).toBe(400);
    }
  });

  it("are the same port however their address is written, which the database sees to as well", async () => {
    await onNode({ ip: "2001:DB8::0:1", ports: 31_000 });
    const again = await world.call("POST", nodePath(""), { as: admin, body: { ip: "2001:db8:0::1", ports: 31_000 } });
    expect(again.status).toBe(409);
    await expect(
      world.query("insert into allocations (id, node_id, ip, port) values ('x', $1, '2001:DB8::1', 31001)", [nodeId]),
    ).rejects.toMatchObject({ constraint: "allocations_ip_canonical" });
  });
});
