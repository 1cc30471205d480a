import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry } from "../../../protocol/api/audit.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { FakeSocket, FakeSockets } from "../../testing/fake-sockets.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let admin: Person;
let moderator: Person;
let owner: Person;
let subUser: Person;
let stranger: Person;
let id: string;
const sockets = new FakeSockets();

beforeAll(async () => {
  world = await World.create({}, sockets);
  admin = await world.person("admin", ["Administrator"]);
  moderator = await world.person("moderator", ["Moderator"]);
  owner = await world.person("owner");
  subUser = await world.person("sub-user");
  stranger = await world.person("stranger");
  await world.node();
  await world.template();
});
afterAll(() => world.close());

const hub = () => world.hubs.of("node-1");
beforeEach(async () => {
  id = await world.server(owner);
  await world.query("insert into grants (server_id, user_id, permissions) values ($1, $2, $3)", [
    id,
    subUser.id,
    ["server.read", "server.start", "console.read", "console.write", "access.read", "access.create"],
  ]);
  hub().agentConnected = true;
  hub().answer = () => ({ ok: true, data: { state: "stopping", alreadyUnderWay: false } });
  hub().requests.length = 0;
  hub().revocations.length = 0;
  hub().identities.length = 0;
});

const suspend = (as: Person, body: object | null = { reason: "The invoice is open." }) =>
  world.call("POST", `/api/servers/${id}/suspend`, { as, ...(body && { body }) });
const unsuspend = (as: Person) => world.call("POST", `/api/servers/${id}/unsuspend`, { as });
const view = (as: Person) => world.must<ServerDetail>("GET", `/api/servers/${id}`, { as });

describe("suspending a server", () => {
  it("bumps the spec, says who, when and why, and ends the sockets of everybody but staff with 4409", async () => {
    const before = await world.query<{ version: string }>("select version from servers where id = $1", [id]);
    const answer = await suspend(moderator);
    expect(answer.status, answer.text).toBe(200);
    const by = { id: moderator.id, name: "moderator" };
    expect(answer.data).toMatchObject({ serverId: id, suspension: { reason: "The invoice is open.", by } });
    const [row] = await world.query<{ version: string }>("select version from servers where id = $1", [id]);
    expect(Number(row!.version)).toBe(Number(before[0]!.version) + 1);
    await world.until("the hub is told", () => hub().revocations.length > 0);
    expect(hub().revocations).toEqual([
      { filter: { serverId: id, seesSuspended: false }, closeCode: 4409, reason: expect.stringContaining("invoice") },
    ]);
    const [node] = await world.query<{ spec_generation: string }>("select spec_generation from nodes");
    expect(hub().generations.at(-1)).toBe(Number(node!.spec_generation));
  });

  it("is told to the owner without who did it, to sub-users without the reason, and in the activity log", async () => {
    await suspend(admin);
    expect(await view(admin)).toMatchObject({
      status: "suspended",
      suspension: { reason: "The invoice is open.", by: { name: "admin" } },
    });
    const ofOwner = await view(owner);
    expect(ofOwner.suspension).toEqual({ at: expect.any(String), reason: "The invoice is open.", by: null });
    expect(JSON.stringify(ofOwner)).not.toContain(admin.email);
    expect((await view(subUser)).suspension).toMatchObject({ reason: null, by: null });
    const activity = await world.must<AuditEntry[]>("GET", `/api/servers/${id}/activity`, { as: owner });
    expect(activity[0]).toMatchObject({
      action: "server.suspend",
      actorName: "admin",
      details: { reason: "The invoice is open." },
    });
  });

  it("shows nobody's address in the activity to those who may not read the audit log, but their own", async () => {
    await world.call("POST", `/api/servers/${id}/suspend`, {
      as: admin,
      headers: { "x-test-address": "198.51.100.9" },
    });
    const path = `/api/servers/${id}/activity`;
    const ips = async (as: Person) => (await world.must<AuditEntry[]>("GET", path, { as })).map((entry) => entry.ip);
    expect(await ips(owner)).not.toContain("198.51.100.9");
    expect(await ips(admin)).toContain("198.51.100.9");
  });

  it("is for server.suspend alone: neither owner nor sub-user may, and a stranger's guess finds nothing", async () => {
    for (const person of [owner, subUser, stranger]) {
      expect((await suspend(person)).status).toBe(403);
      expect((await unsuspend(person)).status).toBe(403);
    }
    const missing = await world.call("POST", "/api/servers/no-such/suspend", { as: admin, body: {} });
    expect(missing.status).toBe(404);
    expect((await world.call("POST", "/api/servers/no-such/unsuspend", { as: admin })).status).toBe(404);
    const audits = await world.query("select id from audit_log where target_id = 'no-such'");
    expect(audits).toEqual([]);
  });

  it("needs no reason, refuses a wrong one, and a second one replaces the first", async () => {
    expect((await suspend(admin, null)).status).toBe(200);
    expect((await view(owner)).suspension).toMatchObject({ reason: null });
    for (const reason of ["", "x".repeat(501), 7]) expect((await suspend(admin, { reason })).status).toBe(400);
    expect((await suspend(admin, { reason: "Abuse." })).status).toBe(200);
    expect((await view(owner)).suspension).toMatchObject({ reason: "Abuse." });
  });

  it("is in the spec that the agent pulls, until it ends", async () => {
    const secret = await world.nodeSecret();
    const suspended = async () => {
      const spec = await world.spec(secret);
      return spec.servers.find((server) => server.id === id)!.suspended;
    };
    await suspend(admin);
    expect(await suspended()).toBe(true);
    await unsuspend(admin);
    expect(await suspended()).toBe(false);
  });
});

it("ends one subscription of a general socket with an error frame, and the socket goes on", async () => {
  const ofHub = new FakeSocket();
  hub().connectWith = () => sockets.upgrade(ofHub);
  await world.call("GET", "/ws", { headers: { upgrade: "websocket", authorization: `Bearer ${owner.token}` } });
  const socket = sockets.accepted.at(-1)!;
  await world.until("introduced", () => socket.of("client_handshake_response").length > 0);
  socket.receive({ type: "subscribe", serverId: id });
  await world.until("subscribed", () => hub().identities.length > 0);
  await suspend(admin);
  ofHub.receive({ type: "bye", code: 4409, reason: "the server was suspended", reconnectAfterMs: 0 });
  await world.until("told", () => socket.of("error").length > 0);
  expect(socket.of("error")).toMatchObject([{ code: "SERVER_SUSPENDED", error: expect.stringContaining(id) }]);
  socket.receive({ type: "ping" });
  expect(socket.of("pong")).toHaveLength(1);
  expect(socket.closed).toBeNull();
  hub().connectWith = null;
});

describe("a suspended server", () => {
  beforeEach(() => suspend(admin));

  const changingRoutes = () =>
    world.app.routes.filter(
      ({ method, path }) =>
        !["GET", "ALL"].includes(method) && path.startsWith("/api/servers/:id") && !/\/(un)?suspend$/.test(path),
    );
  // Bodies that the routes would take, where one is needed to get as far as the refusal.
  const BODIES: Record<string, unknown> = {
    "/api/servers/:id": { name: "renamed" },
    "/api/servers/:id/command": { command: "say hi" },
    "/api/servers/:id/restart-policy": { policy: "always" },
    "/api/servers/:id/access": { email: "stranger@example.com", permissions: ["server.read"] },
    "/api/servers/:id/access/:userId": { permissions: ["server.read"] },
  };

  it("answers 423 to its owner on every route that changes anything, and does nothing", async () => {
    const routes = changingRoutes();
    expect(routes.length).toBeGreaterThanOrEqual(12);
    for (const { method, path } of routes) {
      const address = path.replace(":id", id).replace(/:\w+/g, subUser.id);
      const body = BODIES[path] ?? {};
      const answer = await world.call(method, address, { as: owner, body });
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 423, "SERVER_SUSPENDED"]);
    }
    expect(hub().requests).toEqual([]);
    expect(await view(owner)).toMatchObject({ name: "a server", restartPolicy: "on-failure" });
  });

  it("shows its owner what it is, and not its console", async () => {
    for (const path of ["", "/activity", "/access", "/crashes"]) {
      expect((await world.call("GET", `/api/servers/${id}${path}`, { as: owner })).status).toBe(200);
    }
    const logs = await world.call("GET", `/api/servers/${id}/logs`, { as: owner });
    expect([logs.status, logs.body.code]).toEqual([423, "SERVER_SUSPENDED"]);
    expect(await world.must("GET", "/api/servers?status=suspended", { as: owner })).toEqual(
      expect.arrayContaining([expect.objectContaining({ id })]),
    );
  });

  it("opens its console to staff alone, and closes on others with 4409 and the reason", async () => {
    const open = async (person: Person) => {
      await world.call("GET", `/api/servers/${id}/console`, {
        headers: { upgrade: "websocket", authorization: `Bearer ${person.token}` },
      });
      return sockets.accepted.at(-1);
    };
    for (const person of [owner, subUser]) {
      const socket = await open(person);
      expect(socket?.of("bye")).toMatchObject([{ code: 4409, reason: expect.stringContaining("suspended") }]);
      expect(socket?.closed).toMatchObject({ code: 4409 });
    }
    expect(hub().identities).toEqual([]);
    await open(admin);
    await open(moderator);
    expect(hub().identities).toMatchObject([
      { userId: admin.id, seesSuspended: true },
      { userId: moderator.id, seesSuspended: true, permissions: expect.arrayContaining(["console.read"]) },
    ]);
  });

  it("is refused on the general socket by an error frame: the socket itself goes on", async () => {
    await world.call("GET", "/ws", { headers: { upgrade: "websocket", authorization: `Bearer ${owner.token}` } });
    const socket = sockets.accepted.at(-1)!;
    await world.until("introduced", () => socket.of("client_handshake_response").length > 0);
    socket.receive({ type: "subscribe", serverId: id });
    socket.receive({ type: "server_control", serverId: id, action: "start", commandId: "c-1" });
    socket.receive({ type: "console_input", serverId: id, data: "say hi" });
    await world.until(
      "three refusals",
      () => socket.of("error").length === 2 && socket.of("command_result").length === 1,
    );
    expect(socket.of("error")).toMatchObject([{ code: "SERVER_SUSPENDED" }, { code: "SERVER_SUSPENDED" }]);
    expect(socket.of("command_result")).toMatchObject([{ commandId: "c-1", ok: false, code: "SERVER_SUSPENDED" }]);
    expect(socket.closed).toBeNull();
    expect(hub().requests).toEqual([]);
  });

  it("may be stopped, killed and deleted by staff, and started by nobody", async () => {
    for (const action of ["start", "restart"]) {
      expect((await world.call("POST", `/api/servers/${id}/${action}`, { as: admin })).status).toBe(423);
    }
    expect((await world.call("POST", `/api/servers/${id}/kill`, { as: admin })).status).toBe(202);
    expect((await world.call("DELETE", `/api/servers/${id}`, { as: owner })).status).toBe(423);
    expect((await world.call("DELETE", `/api/servers/${id}`, { as: admin })).status).toBe(200);
  });

  it("is open again at once when the suspension ends, and everybody's sockets come back anew", async () => {
    const headers = { "idempotency-key": `retry-${id}` };
    const start = () => world.call("POST", `/api/servers/${id}/start`, { as: owner, headers });
    expect((await start()).status).toBe(423);
    hub().revocations.length = 0;
    expect((await unsuspend(moderator)).status).toBe(200);
    await world.until("the hub is told", () => hub().revocations.length > 0);
    expect(hub().revocations).toMatchObject([{ filter: { serverId: id }, closeCode: 1012 }]);
    expect((await start()).status, "a refusal is no answer to keep for a retry").toBe(202);
    expect(await view(owner)).toMatchObject({ isSuspended: false, suspension: null });
  });

  it("is unsuspended once: another time changes nothing and is not in the log", async () => {
    await unsuspend(admin);
    const told = () =>
      world.query("select id from audit_log where server_id = $1 and action = 'server.unsuspend'", [id]);
    expect(await told()).toHaveLength(1);
    expect((await unsuspend(admin)).data).toEqual({ serverId: id, suspension: null });
    expect(await told()).toHaveLength(1);
  });
});

it("gives a moderator no console of a server that is not suspended", async () => {
  const answer = await world.call("GET", `/api/servers/${id}/logs`, { as: moderator });
  expect(answer.status).toBe(403);
});
