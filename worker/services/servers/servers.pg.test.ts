import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  stranger = await world.person("stranger");
  await world.node();
  await world.template();
});
afterAll(() => world.close());

const body = (changes: Record<string, unknown> = {}) => ({
  name: "survival",
  templateId: "echo",
  nodeId: "node-1",
  allocatedMemoryMb: 128,
  allocatedCpuCores: 0.1,
  allocatedDiskMb: 128,
  ...changes,
});

describe("creating a server", () => {
  it("answers with the server, takes the next free port and bumps the node's generation", async () => {
    const answer = await world.call<Record<string, unknown>>("POST", "/api/servers", { as: owner, body: body() });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.data).toMatchObject({
      name: "survival",
      status: "stopped",
      primaryPort: 25565,
      connectAddress: "203.0.113.7:25565",
      environment: { GREETING: "hello" },
      permissions: ["*"],
    });
    const hub = world.hubs.of("node-1");
    await world.until("the hub is told", () => hub.generations.length > 0);
    const [node] = await world.query<{ spec_generation: string }>("select spec_generation from nodes");
    expect(hub.generations.at(-1)).toBe(Number(node!.spec_generation));
    const audit = await world.query("select action, actor_id from audit_log where server_id = $1", [answer.data.id]);
    expect(audit).toEqual([{ action: "server.create", actor_id: owner.id }]);
  });

  it("begins as installing when the template has something to install", async () => {
    await world.template("with-install", { installScript: "true" });
    const { data } = await world.call<{ status: string }>("POST", "/api/servers", {
      as: owner,
      body: body({ templateId: "with-install" }),
    });
    expect(data.status).toBe("installing");
  });

  it.each<[string, Record<string, unknown>, number, string, string | undefined]>([
    ["an unknown field", { surprise: 1 }, 400, "VALIDATION", "surprise"],
    ["a missing name", { name: undefined }, 400, "VALIDATION", "name"],
    ["an unknown template", { templateId: "no-such" }, 404, "NOT_FOUND", "templateId"],
    ["an unknown node", { nodeId: "no-such" }, 404, "NOT_FOUND", "nodeId"],
    ["a node id that cannot exist", { nodeId: "NO SUCH" }, 400, "VALIDATION", "nodeId"],
    ["another node's location", { locationId: "elsewhere" }, 400, "VALIDATION", "locationId"],
    ["an unknown variable", { environment: { NO_SUCH: "1" } }, 400, "VALIDATION", "environment.NO_SUCH"],
    ["a reserved variable", { environment: { SERVER_PORT: "1" } }, 400, "VALIDATION", "environment.SERVER_PORT"],
    [
      "a value that breaks its rule",
      { environment: { GREETING: "x".repeat(21) } },
      400,
      "VALIDATION",
      "environment.GREETING",
    ],
    [
      "a variable that is for administrators",
      { environment: { SECRET_SETTING: "loud" } },
      400,
      "VALIDATION",
      "environment.SECRET_SETTING",
    ],
    ["an image of its own", { image: "evil:latest" }, 400, "VALIDATION", "image"],
    ["host networking by a user", { networkMode: "host" }, 400, "VALIDATION", "networkMode"],
    ["a system port by a user", { primaryPort: 22 }, 400, "VALIDATION", "primaryPort"],
    ["a port out of range", { primaryPort: 70_000 }, 400, "VALIDATION", "primaryPort"],
    [
      "more memory than the node has",
      { allocatedMemoryMb: 100_000 },
      409,
      "INSUFFICIENT_RESOURCES",
      "allocatedMemoryMb",
    ],
    ["more CPU than the node has", { allocatedCpuCores: 64 }, 409, "INSUFFICIENT_RESOURCES", "allocatedCpuCores"],
    ["more disk than the node has", { allocatedDiskMb: 10_000_000 }, 409, "INSUFFICIENT_RESOURCES", "allocatedDiskMb"],
    [
      "head-room that the node does not have",
      { memoryHeadroomMb: 65_000 },
      409,
      "INSUFFICIENT_RESOURCES",
      "allocatedMemoryMb",
    ],
    ["a pinning that is none", { cpuPinning: "2-1" }, 400, "VALIDATION", "cpuPinning"],
    ["swap, by a user", { swapMb: 512 }, 403, "PERMISSION_DENIED", undefined],
    ["a pinning, by a user", { cpuPinning: "0" }, 403, "PERMISSION_DENIED", undefined],
    ["an I/O weight, by a user", { ioWeight: 200 }, 403, "PERMISSION_DENIED", undefined],
    ["more processes than there can be", { pidsLimit: 5_000_000 }, 400, "VALIDATION", "pidsLimit"],
    ["hardly an open file", { openFilesLimit: 3 }, 400, "VALIDATION", "openFilesLimit"],
  ])("refuses %s and leaves nothing behind", async (_what, changes, status, code, path) => {
    const count = async () => (await world.query("select id from servers union all select id from allocations")).length;
    const before = await count();
    const answer = await world.call("POST", "/api/servers", { as: owner, body: body(changes) });
    expect([answer.status, answer.body.code, answer.body.details?.[0]?.path]).toEqual([status, code, path]);
    expect(await count()).toBe(before);
  });

  it("lets administrators choose the owner and what users may not", async () => {
    const { data } = await world.call<{ id: string; ownerId: string }>("POST", "/api/servers", {
      as: admin,
      body: body({ ownerId: owner.id, environment: { SECRET_SETTING: "loud" }, primaryPort: 222 }),
    });
    expect(data.ownerId).toBe(owner.id);
    const seen = await world.must<{ environment: object }>("GET", `/api/servers/${data.id}`, { as: owner });
    expect(seen.environment).toEqual({ GREETING: "hello" });
    const other = await world.call("POST", "/api/servers", { as: owner, body: body({ ownerId: admin.id }) });
    expect(other.body.code).toBe("PERMISSION_DENIED");
  });
});

describe("what a node has", () => {
  it("is given to one of two who ask for the last of it at the same moment", async () => {
    await world.node("small", { memoryMb: 200 });
    const ask = () => world.call("POST", "/api/servers", { as: owner, body: body({ nodeId: "small" }) });
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all([ask(), ask(), ask()]);
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409]);
      const made = answers.find((answer) => answer.status === 201)!.data as { id: string };
      await world.must("DELETE", `/api/servers/${made.id}?force=true`, { as: owner });
    }
  });

  it("gives a port to one of two who ask for it at the same moment", async () => {
    const ask = () => world.call("POST", "/api/servers", { as: owner, body: body({ primaryPort: 28_123 }) });
    const answers = await Promise.all([ask(), ask()]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409]);
    expect(answers.find((answer) => answer.status === 409)!.body.code).toBe("PORT_IN_USE");
  });

  it("lends out free allocations before it opens new ports, and never one that a wildcard covers", async () => {
    await world.node("ports");
    const allocate = (ip: string, port: number) =>
      world.must("POST", "/api/nodes/ports/allocations", { as: admin, body: { ip, ports: port } });
    await allocate("10.0.0.1", 31_000);
    await allocate("10.0.0.2", 31_000);
    await allocate("10.0.0.1", 31_001);
    const create = async (changes = {}) =>
      await world.call<{ id: string; primaryIp: string; primaryPort: number }>("POST", "/api/servers", {
        as: owner,
        body: body({ nodeId: "ports", ...changes }),
      });
    const address = async () => {
      const { data } = await create();
      return `${data.primaryIp}:${data.primaryPort}`;
    };
    expect(await address()).toBe("10.0.0.1:31000");
    expect(await address()).toBe("10.0.0.2:31000");
    expect((await create({ primaryPort: 31_000 })).body.code).toBe("PORT_IN_USE");
    expect(await address()).toBe("10.0.0.1:31001");
    expect(await address()).toBe("0.0.0.0:25565");
    expect((await create({ primaryPort: 25_565 })).body.code).toBe("PORT_IN_USE");
  });

  it("may be overcommitted as far as its administrator says", async () => {
    await world.node("over", { memoryMb: 128 });
    const ask = () => world.call("POST", "/api/servers", { as: owner, body: body({ nodeId: "over" }) });
    expect((await ask()).status).toBe(201);
    expect((await ask()).status).toBe(409);
    await world.must("PATCH", "/api/nodes/over", { as: admin, body: { memoryOvercommit: 2 } });
    expect((await ask()).status).toBe(201);
  });
});

describe("the address for players", () => {
  let nextPort = 41_000;
  it.each<[string, string, string | undefined, string]>([
    ["a wildcard is the node's public one", "0.0.0.0", undefined, "203.0.113.7"],
    ["an address of its own is that one", "198.51.100.5", undefined, "198.51.100.5"],
    ["an alias is the alias", "198.51.100.6", "play.example.com", "play.example.com"],
    ["IPv6 stands in brackets", "2001:db8::9", undefined, "[2001:db8::9]"],
  ])("of %s", async (_what, ip, alias, host) => {
    const port = nextPort++;
    await world.must("POST", "/api/nodes/node-1/allocations", {
      as: admin,
      body: { ip, ports: port, ...(alias ? { alias } : {}) },
    });
    const id = await world.server(owner, { primaryPort: port });
    const one = await world.must<{ connectAddress: string }>("GET", `/api/servers/${id}`, { as: owner });
    expect(one.connectAddress).toBe(`${host}:${port}`);
    const all = await world.must<{ id: string; connectAddress: string }[]>("GET", "/api/servers?limit=200", {
      as: owner,
    });
    expect(all.find((server) => server.id === id)).toMatchObject({ connectAddress: one.connectAddress });
  });
});

describe("listing servers", () => {
  it("shows them to their owner, to who was granted sight of them and to administrators, and to nobody else", async () => {
    const id = await world.server(owner, { name: "listed" });
    const guest = await world.person("guest");
    await world.must("POST", `/api/servers/${id}/access`, {
      as: owner,
      body: { email: "guest@example.com", permissions: ["server.read"] },
    });
    const seen = async (person: Person) =>
      (await world.must<{ id: string }[]>("GET", "/api/servers?limit=200", { as: person })).map((server) => server.id);
    expect(await seen(owner)).toContain(id);
    expect(await seen(admin)).toContain(id);
    expect(await seen(guest)).toEqual([id]);
    expect(await seen(stranger)).toEqual([]);
  });

  it("comes in pages that hold each server once", async () => {
    const pager = await world.person("pager");
    const made = [];
    for (let index = 0; index < 5; index++) made.push(await world.server(pager, { name: `page ${index}` }));
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const path: string = `/api/servers?limit=2${cursor ? `&cursor=${cursor}` : ""}`;
      const answer = await world.call<{ id: string }[]>("GET", path, { as: pager });
      seen.push(...answer.data.map((server) => server.id));
      cursor = answer.body.page!.nextCursor;
    }
    expect(seen).toEqual(made);
    const found = await world.must<{ name: string }[]>("GET", "/api/servers?q=GE%203", { as: pager });
    expect(found.map((server) => server.name)).toEqual(["page 3"]);
    expect(await world.must("GET", "/api/servers?status=running", { as: pager })).toEqual([]);
    expect((await world.must<unknown[]>("GET", "/api/servers?status=stopped", { as: pager })).length).toBe(5);
  });

  it("takes one statement, whoever asks", async () => {
    const counted = async () =>
      ((await (await fetch(`${world.env.NEON_LOCAL_PROXY}/stats`)).json()) as { statements: number }).statements;
    for (const person of [admin, owner]) {
      const before = await counted();
      await world.must("GET", "/api/servers", { as: person });
      expect((await counted()) - before).toBe(1);
    }
  });

  it.each(["cursor=nonsense", "limit=0", "limit=1000", "status=asleep"])("refuses %s", async (query) => {
    expect((await world.call("GET", `/api/servers?${query}`, { as: owner })).body.code).toBe("VALIDATION");
  });
});

describe("power", () => {
  let id: string;
  const hub = () => world.hubs.of("node-1");
  beforeEach(async () => {
    id = await world.server(owner);
    hub().requests.length = 0;
    hub().agentConnected = true;
    hub().answer = () => ({ ok: true, data: { state: "starting", alreadyUnderWay: false } });
  });
  const desired = async () =>
    (await world.query<{ desired_power: string }>("select desired_power from servers where id = $1", [id]))[0]!
      .desired_power;
  const press = (action: string, body?: unknown) =>
    world.call("POST", `/api/servers/${id}/${action}`, { as: owner, body });

  it.each([
    ["start", "running"],
    ["restart", "running"],
    ["stop", "stopped"],
    ["kill", "stopped"],
  ])("%s is asked of the agent and remembered as %s", async (action, power) => {
    const answer = await press(action, { commandId: "click-1" });
    expect(answer.status, answer.text).toBe(202);
    expect(answer.data).toEqual({ state: "starting", alreadyUnderWay: false, commandId: "click-1" });
    expect(hub().requests[0]!.operation).toMatchObject({ op: "power", serverId: id, action, commandId: "click-1" });
    expect(await desired()).toBe(power);
  });

  it("changes nothing when the node is offline, or the agent refuses or does not answer", async () => {
    hub().agentConnected = false;
    expect((await press("start")).body.code).toBe("NODE_OFFLINE");
    hub().agentConnected = true;
    hub().answer = () => ({ ok: false, code: "SERVER_ALREADY_RUNNING", error: "It runs already." });
    expect((await press("start")).status).toBe(409);
    hub().answer = () => Promise.reject(new Error("reset"));
    expect((await press("start")).body.code).toBe("AGENT_TIMEOUT");
    expect(await desired()).toBe("stopped");
  });

  it("does not write an older wish over a newer one", async () => {
    await world.query("update servers set desired_power = 'stopped', desired_power_at = $2 where id = $1", [
      id,
      Date.now() + 60_000,
    ]);
    expect((await press("start")).status).toBe(202);
    expect(await desired()).toBe("stopped");
  });

  it("is refused to a suspended server without asking the agent", async () => {
    await world.query("update servers set is_suspended = true where id = $1", [id]);
    const answer = await press("start");
    expect([answer.status, answer.body.code]).toEqual([423, "SERVER_SUSPENDED"]);
    expect(hub().requests).toEqual([]);
  });

  it("is done once for an Idempotency-Key, however often it is sent", async () => {
    const headers = { "idempotency-key": "press-1" };
    const send = (body: unknown) => world.call("POST", `/api/servers/${id}/start`, { as: owner, headers, body });
    const first = await send({});
    const again = await send({});
    expect(again.text).toBe(first.text);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(hub().requests.length).toBe(1);
    expect((await send({ commandId: "other" })).body.code).toBe("IDEMPOTENCY_MISMATCH");
  });
});

describe("the console by HTTP", () => {
  it.each<[string, string]>([
    ["a line break", "one\ntwo"],
    ["an escape", "\u001b[2J"],
    ["more than 32 KiB", "x".repeat(32 * 1024 + 1)],
  ])("refuses %s and sends nothing", async (_what, command) => {
    const id = await world.server(owner);
    const hub = world.hubs.of("node-1");
    hub.requests.length = 0;
    const answer = await world.call("POST", `/api/servers/${id}/command`, { as: owner, body: { command } });
    expect([answer.status, answer.body.details?.[0]?.path]).toEqual([400, "command"]);
    expect(hub.requests).toEqual([]);
  });

  it("types a line, and keeps its text out of the audit log", async () => {
    const id = await world.server(owner);
    const hub = world.hubs.of("node-1");
    hub.agentConnected = true;
    hub.answer = () => ({ ok: true, data: null });
    await world.must("POST", `/api/servers/${id}/command`, { as: owner, body: { command: "op hunter2 é" } });
    expect(hub.requests.at(-1)!.operation).toEqual({ op: "console_input", serverId: id, data: "op hunter2 é" });
    expect(JSON.stringify(await world.query("select * from audit_log where server_id = $1", [id]))).not.toContain(
      "hunter2",
    );
  });
});

describe("changing a server", () => {
  it("asks for a right of its own for each field", async () => {
    const id = await world.server(owner);
    const helper = await world.person("helper");
    await world.must("POST", `/api/servers/${id}/access`, {
      as: owner,
      body: { userId: helper.id, permissions: ["server.read", "startup.update"] },
    });
    const change = (as: Person, body: object) => world.call("PATCH", `/api/servers/${id}`, { as, body });
    expect((await change(helper, { environment: { GREETING: "hi" } })).status).toBe(200);
    for (const denied of [{ name: "x" }, { image: "busybox:other" }, { startup: "sh" }, { allocatedMemoryMb: 256 }]) {
      expect((await change(helper, denied)).status).toBe(403);
      expect((await change(owner, denied)).status).toBe(200);
    }
  });

  it("grows only into room that the node has, and tells the node", async () => {
    await world.node("tight", { memoryMb: 256 });
    const id = await world.server(owner, { nodeId: "tight" });
    const grow = (allocatedMemoryMb: number) =>
      world.call("PATCH", `/api/servers/${id}`, { as: owner, body: { allocatedMemoryMb } });
    expect((await grow(300)).body.code).toBe("INSUFFICIENT_RESOURCES");
    expect((await grow(256)).status).toBe(200);
    await world.until("the hub is told twice", () => world.hubs.of("tight").generations.length === 2);
  });
});

describe("deleting a server", () => {
  it("needs the node, or force, and frees the port", async () => {
    await world.node("away");
    const id = await world.server(owner, { nodeId: "away", primaryPort: 30_001 });
    expect((await world.call("DELETE", `/api/servers/${id}`, { as: owner })).body.code).toBe("NODE_OFFLINE");
    await world.must("DELETE", `/api/servers/${id}?force=true`, { as: owner });
    expect((await world.call("GET", `/api/servers/${id}`, { as: owner })).status).toBe(404);
    await world.until("viewers are sent away", () => world.hubs.of("away").revocations.length > 0);
    await world.server(owner, { nodeId: "away", primaryPort: 30_001 });
  });
});

describe("access", () => {
  it("cannot hand out or take away more than one holds oneself", async () => {
    const id = await world.server(owner);
    const deputy = await world.person("deputy");
    const third = await world.person("third");
    const path = `/api/servers/${id}/access`;
    const permissions = ["server.read", "access.create", "access.update", "access.delete"];
    await world.must("POST", path, { as: owner, body: { userId: deputy.id, permissions } });
    const grant = (given: string[]) =>
      world.call("POST", path, { as: deputy, body: { userId: third.id, permissions: given } });
    expect((await grant(["console.write"])).status).toBe(403);
    expect((await grant(["server.read"])).status).toBe(201);
    const own = await world.call("PATCH", `${path}/${deputy.id}`, { as: deputy, body: { permissions } });
    expect(own.status).toBe(403);
    await world.must("PATCH", `${path}/${third.id}`, { as: owner, body: { permissions: ["console.write"] } });
    expect((await world.call("DELETE", `${path}/${third.id}`, { as: deputy })).status).toBe(403);
  });

  it("ends the sockets of who lost it", async () => {
    const id = await world.server(owner);
    const guest = await world.person("leaving");
    const path = `/api/servers/${id}/access`;
    await world.must("POST", path, { as: owner, body: { userId: guest.id, permissions: ["console.read"] } });
    await world.must("DELETE", `${path}/${guest.id}`, { as: owner });
    await world.until("the hub is told", () =>
      world.hubs.of("node-1").revocations.some(({ filter }) => filter.userId === guest.id && filter.serverId === id),
    );
    expect((await world.call("GET", `/api/servers/${id}`, { as: guest })).status).toBe(404);
  });
});
