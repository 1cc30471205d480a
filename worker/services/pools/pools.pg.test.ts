import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Pool, PoolAddress } from "../../../protocol/api/pools.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let owner: Person;
let nodeId: string;
let count = 0;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  await world.template();
});
afterAll(() => world.close());
beforeEach(async () => {
  nodeId = await world.node(`node-${++count}`, { memoryMb: 100_000, cpuCores: 100, diskMb: 100_000 });
});

const poolBody = (changes: Record<string, unknown> = {}) => ({
  name: "games",
  nodeId,
  cidr: "10.50.0.0/29",
  ...changes,
});
const makePool = (changes: Record<string, unknown> = {}) =>
  world.must<Pool>("POST", "/api/pools", { as: admin, body: poolBody(changes) });
const refused = (changes: Record<string, unknown>) =>
  world.call("POST", "/api/pools", { as: admin, body: poolBody(changes) });
const getPool = (id: string) => world.must<Pool>("GET", `/api/pools/${id}`, { as: admin });

const serverBody = (poolId: string, changes: Record<string, unknown> = {}) => ({
  name: "a server",
  templateId: "echo",
  nodeId,
  allocatedMemoryMb: 32,
  allocatedCpuCores: 0.05,
  allocatedDiskMb: 32,
  networkMode: "pool",
  poolId,
  ownerId: owner.id,
  ...changes,
});
const create = (poolId: string, changes: Record<string, unknown> = {}) =>
  world.call<ServerDetail>("POST", "/api/servers", { as: admin, body: serverBody(poolId, changes) });
const ipOf = async (poolId: string, changes: Record<string, unknown> = {}) => {
  const made = await create(poolId, changes);
  if (made.status !== 201) throw new Error(made.text);
  return made.data.pool!.ip;
};

describe("a pool", () => {
  it("is made, shown with its use, changed and deleted, and each of it is written down", async () => {
    const pool = await makePool({ exclusions: ["10.50.0.6", "10.50.0.5"] });
    expect(pool).toMatchObject({
      ...{ nodeId, kind: "bridge", parent: null, cidr: "10.50.0.0/29", gateway: "10.50.0.1", isIsolated: true },
      ...{ exclusions: ["10.50.0.5-10.50.0.6"], assignedCount: 0, freeCount: 3 },
    });
    const ip = await ipOf(pool.id);
    const listed = await world.must<Pool[]>("GET", `/api/pools?nodeId=${nodeId}`, { as: admin });
    expect(listed).toMatchObject([{ id: pool.id, assignedCount: 1, freeCount: 2 }]);
    const addresses = await world.must<PoolAddress[]>("GET", `/api/pools/${pool.id}/addresses`, { as: admin });
    expect(addresses).toMatchObject([{ ip, serverName: "a server" }]);
    const changed = await world.must<Pool>("PATCH", `/api/pools/${pool.id}`, {
      as: admin,
      body: { name: "renamed", exclusions: [] },
    });
    expect(changed).toMatchObject({ name: "renamed", exclusions: [], freeCount: 4 });
    expect(await world.call("DELETE", `/api/pools/${pool.id}`, { as: admin })).toMatchObject({
      status: 409,
      body: { error: "Servers use this pool." },
    });
    await world.query("delete from allocations where server_id = $1", [addresses[0]!.serverId]);
    await world.query("delete from servers where id = $1", [addresses[0]!.serverId]);
    await world.must("DELETE", `/api/pools/${pool.id}`, { as: admin });
    expect((await world.call("GET", `/api/pools/${pool.id}`, { as: admin })).status).toBe(404);
    const audit = await world.query("select action from audit_log where target_id = $1 order by id", [pool.id]);
    expect(audit.map(({ action }) => action)).toEqual(["pool.create", "pool.update", "pool.delete"]);
  });

  it.each([
    ["a range with host bits", { cidr: "10.50.0.1/29" }, 400],
    ["no range", { cidr: "ten" }, 400],
    ["a gateway elsewhere", { gateway: "10.51.0.1" }, 400],
    ["the network's own address as gateway", { gateway: "10.50.0.0" }, 400],
    ["a gateway of the other family", { gateway: "fd00::1" }, 400],
    ["macvlan without an interface", { kind: "macvlan" }, 400],
    ["bridge with an interface", { parent: "eth0" }, 400],
    ["an interface that is a command", { kind: "macvlan", parent: "eth0; reboot" }, 400],
    ["an exclusion elsewhere", { exclusions: ["192.168.0.1"] }, 400],
    ["no such node", { nodeId: "nowhere" }, 404],
  ])("is refused with %s", async (_what, changes, status) => {
    expect((await refused(changes)).status).toBe(status);
  });

  it("may not overlap another of its node, which the database itself refuses; on another node it may", async () => {
    await makePool({ cidr: "10.50.0.0/24" });
    const overlapping = await refused({ name: "other", cidr: "10.50.0.128/25" });
    expect(overlapping.body).toMatchObject({
      code: "CONFLICT",
      error: "This range overlaps another pool of the node.",
    });
    await makePool({ name: "beside", cidr: "10.50.1.0/24" });
    const elsewhere = await world.node(`elsewhere-${count}`);
    await makePool({ nodeId: elsewhere, cidr: "10.50.0.0/24" });
    const both = await Promise.all([
      refused({ name: "one", cidr: "10.60.0.0/16" }),
      refused({ name: "two", cidr: "10.60.7.0/24" }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it("cannot be changed so that an address in use falls out of it", async () => {
    const pool = await makePool();
    const ip = await ipOf(pool.id, { poolIp: "10.50.0.4" });
    for (const body of [{ gateway: ip }, { exclusions: ["10.50.0.3-10.50.0.5"] }]) {
      expect((await world.call("PATCH", `/api/pools/${pool.id}`, { as: admin, body })).body.code).toBe("CONFLICT");
    }
    expect(await getPool(pool.id)).toMatchObject({ gateway: "10.50.0.1", exclusions: [] });
  });
});

describe("an address of a pool", () => {
  it("is the next free one, never the gateway, the network, the broadcast or an excluded one, until none is left", async () => {
    const pool = await makePool({ gateway: "10.50.0.2", exclusions: ["10.50.0.4"] });
    expect(await ipOf(pool.id)).toBe("10.50.0.1");
    expect(await ipOf(pool.id)).toBe("10.50.0.3");
    expect(await ipOf(pool.id)).toBe("10.50.0.5");
    expect(await ipOf(pool.id)).toBe("10.50.0.6");
    const servers = (await world.query("select id from servers")).length;
    expect((await create(pool.id)).body).toMatchObject({
      code: "QUOTA_EXCEEDED",
      error: "The pool games has no free address left.",
    });
    expect((await world.query("select id from servers")).length).toBe(servers);
  });

  it("may be chosen, and is refused when it is taken or not the pool's to give", async () => {
    const pool = await makePool();
    expect(await ipOf(pool.id, { poolIp: "10.50.0.5" })).toBe("10.50.0.5");
    for (const poolIp of ["10.50.0.5", "10.50.0.0", "10.50.0.1", "10.50.0.7", "10.51.0.3", "fd00::3"]) {
      const answer = await create(pool.id, { poolIp });
      expect([poolIp, answer.status, answer.body.details?.[0]?.path]).toEqual([poolIp, 409, "poolIp"]);
    }
    expect((await create("no-such-pool")).body.details?.[0]?.path).toBe("poolId");
    const foreign = await makePool({ nodeId: await world.node(`other-${count}`) });
    expect((await create(foreign.id)).body.details?.[0]?.path).toBe("poolId");
  });

  it("comes out of an IPv6 pool as well", async () => {
    const pool = await makePool({ cidr: "fd12:3456::/64", exclusions: ["fd12:3456::2-fd12:3456::ff"] });
    expect(pool).toMatchObject({ gateway: "fd12:3456::1", freeCount: null });
    expect(await ipOf(pool.id)).toBe("fd12:3456::100");
    expect(await ipOf(pool.id)).toBe("fd12:3456::101");
    expect(await ipOf(pool.id, { poolIp: "FD12:3456:0:0:0:0:0:ABCD" })).toBe("fd12:3456::abcd");
  });

  it("is given to one alone when fifty ask at the same moment, and to no more than there are", async () => {
    const pool = await makePool({ cidr: "10.60.0.0/26", exclusions: ["10.60.0.2-10.60.0.21"] });
    expect(pool.freeCount).toBe(41);
    const answers = await Promise.all(Array.from({ length: 50 }, () => create(pool.id)));
    const ips = answers.filter(({ status }) => status === 201).map(({ data }) => data.pool!.ip);
    expect(ips).toHaveLength(41);
    expect(new Set(ips).size).toBe(41);
    expect(answers.filter(({ body }) => body.code === "QUOTA_EXCEEDED")).toHaveLength(9);
    expect(await getPool(pool.id)).toMatchObject({ assignedCount: 41, freeCount: 0 });
    // Primary ports come out of the same statement.
    const ports = await world.query("select port from allocations where node_id = $1", [nodeId]);
    expect(new Set(ports.map(({ port }) => port)).size).toBe(41);
  }, 60_000);

  it("is free again when its server is deleted", async () => {
    const pool = await makePool();
    const made = await create(pool.id);
    await world.must("DELETE", `/api/servers/${made.data.id}?force=true`, { as: admin });
    expect(await getPool(pool.id)).toMatchObject({ assignedCount: 0 });
    expect(await ipOf(pool.id)).toBe(made.data.pool!.ip);
  });

  it("is the administrators' to give", async () => {
    const pool = await makePool();
    const body = { ...serverBody(pool.id), ownerId: undefined };
    const answer = await world.call("POST", "/api/servers", { as: owner, body });
    expect(answer.body).toMatchObject({ code: "VALIDATION", details: [{ path: "networkMode" }] });
  });

  it.each([
    ["a mode without its pool", { poolId: undefined }],
    ["a pool without its mode", { networkMode: "bridge" }],
  ])("is refused as %s", async (_what, changes) => {
    const pool = await makePool();
    expect((await create(pool.id, changes)).body.details?.[0]?.path).toBe("poolId");
  });

  it("that no pool gives is refused by the database itself, whoever writes it", async () => {
    const pool = await makePool({ exclusions: ["10.50.0.4"] });
    const other = await makePool({ name: "elsewhere", nodeId: await world.node(`apart-${count}`) });
    const { data } = await create(pool.id);
    await world.query("delete from pool_addresses where server_id = $1", [data.id]);
    const put = (poolId: string, ip: string) =>
      world.query("insert into pool_addresses (pool_id, ip, server_id) values ($1, $2, $3)", [poolId, ip, data.id]);
    for (const ip of ["10.50.0.0", "10.50.0.1", "10.50.0.4", "10.50.0.7", "10.50.0.8", "10.50.0.2/29", "fd00::1"]) {
      await expect(put(pool.id, ip), ip).rejects.toMatchObject({ constraint: "pool_addresses_usable" });
    }
    await expect(put(other.id, "10.50.0.2")).rejects.toMatchObject({ constraint: "pool_addresses_same_node" });
    await put(pool.id, "10.50.0.2");
    await expect(put(pool.id, "10.50.0.3")).rejects.toMatchObject({ constraint: "pool_addresses_server_key" });
    const second = await create(pool.id, { poolIp: "10.50.0.3" });
    await expect(
      world.query("update pool_addresses set ip = '10.50.0.2' where server_id = $1", [second.data.id]),
    ).rejects.toMatchObject({ code: "23505" });
  });
});

describe("a server's network", () => {
  const observe = (id: string, state: string, runSpecVersion: number | null) =>
    world.query(
      `insert into server_observed (server_id, state, run_spec_version, seq, observed_at) values ($1, $2, $3, 1, now())
       on conflict (server_id) do update set state = $2, run_spec_version = $3`,
      [id, state, runSpecVersion],
    );
  const change = (id: string, body: Record<string, unknown>, as = admin) =>
    world.call<ServerDetail>("PATCH", `/api/servers/${id}/network`, { as, body });
  const versionOf = async (id: string) =>
    Number((await world.query<{ version: string }>("select version from servers where id = $1", [id]))[0]!.version);

  it("is changed to a pool and back; a run that is older has it from its next start on", async () => {
    const pool = await makePool();
    const id = await world.server(owner, { nodeId });
    await observe(id, "running", 1);
    expect((await change(id, { networkMode: "pool", poolId: pool.id })).data).toMatchObject({
      networkMode: "pool",
      pool: { id: pool.id, ip: "10.50.0.2" },
      networkAppliesAtNextStart: true,
    });
    await observe(id, "running", await versionOf(id));
    const detail = await world.must<ServerDetail>("GET", `/api/servers/${id}`, { as: owner });
    expect(detail.networkAppliesAtNextStart).toBe(false);

    const inUse = await change(id, { networkMode: "bridge" });
    expect(inUse.body).toMatchObject({ code: "CONFLICT", error: expect.stringContaining("Stop it") });
    expect((await change(id, { networkMode: "pool", poolId: pool.id, poolIp: "10.50.0.5" })).status).toBe(409);
    await observe(id, "stopped", null);
    expect((await change(id, { networkMode: "pool", poolId: pool.id, poolIp: "10.50.0.5" })).data.pool!.ip).toBe(
      "10.50.0.5",
    );
    // Any address of the pool it is in: it keeps its own.
    expect((await change(id, { networkMode: "pool", poolId: pool.id })).data.pool!.ip).toBe("10.50.0.5");
    expect((await change(id, { networkMode: "bridge" })).data).toMatchObject({ networkMode: "bridge", pool: null });
    expect(await getPool(pool.id)).toMatchObject({ assignedCount: 0 });
  });

  it("tells the node what it needs of the pool, and players the address of a macvlan server", async () => {
    const pool = await makePool({ kind: "macvlan", parent: "eth0", cidr: "192.168.7.0/24" });
    const { data } = await create(pool.id);
    expect(data.connectAddress).toBe(`192.168.7.2:${data.primaryPort}`);
    const spec = await world.spec(await world.nodeSecret(nodeId), nodeId);
    expect(spec.servers).toMatchObject([
      {
        networkMode: "pool",
        ownerId: owner.id,
        pool: {
          ...{ poolId: pool.id, name: "games", kind: "macvlan", parent: "eth0", cidr: "192.168.7.0/24" },
          ...{ gateway: "192.168.7.1", ip: "192.168.7.2", isIsolated: true },
        },
      },
    ]);
  });

  it("is moved to its own address by a change of the pool that its node must know of", async () => {
    const pool = await makePool();
    const { data } = await create(pool.id);
    const generation = async () =>
      Number((await world.query<{ g: string }>("select spec_generation g from nodes where id = $1", [nodeId]))[0]!.g);
    const before = await generation();
    await world.must("PATCH", `/api/pools/${pool.id}`, { as: admin, body: { name: "just a name" } });
    expect(await generation()).toBe(before);
    await world.must("PATCH", `/api/pools/${pool.id}`, { as: admin, body: { isIsolated: false } });
    expect(await generation()).toBe(before + 1);
    expect(await versionOf(data.id)).toBe(2);
  });

  it("is the administrators' to choose, save the ordinary one", async () => {
    const pool = await makePool();
    const id = await world.server(owner, { nodeId });
    expect((await change(id, { networkMode: "pool", poolId: pool.id }, owner)).status).toBe(400);
    expect((await change(id, { networkMode: "host" }, owner)).status).toBe(400);
    expect((await change(id, { networkMode: "bridge" }, owner)).status).toBe(200);
  });
});
