/**
 * Walks every registered route with every kind of caller. The table below says what each route asks for; a route that
 * is missing from it fails the test, so none can be added without somebody having thought about who may call it.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GLOBAL_PERMISSIONS, type GlobalPermission, type ServerPermission } from "../protocol/permissions.ts";
import { newSecret, secretHash } from "./auth/secret.ts";
import { type Person, World } from "./testing/world.ts";

type Rule =
  /** No credential needed. */
  | "public"
  /** A node's secret. */
  | "agent"
  /** Any signed-in caller, by whatever credential. */
  | "signed-in"
  /** Signed in by password: an API key is refused. */
  | "person"
  /** Answers an upgrade by accepting and closing; tested with the sockets. */
  | "socket"
  | { global: [GlobalPermission, ...GlobalPermission[]] }
  | { server: ServerPermission };

const RULES: Record<string, Rule> = {
  "GET /health": "public",
  "GET /api/openapi.json": "public",
  "GET /api/docs": "public",
  "POST /api/auth/login": "public",
  "POST /api/auth/register": "public",
  "GET /api/auth/policy": "public",
  "GET /api/templates": "public",
  "GET /api/templates/:id": "public",
  "GET /api/deploy/:token": "public",
  "GET /agent/manifest.json": "public",
  "GET /agent/catalyst-agent.mjs": "public",
  "GET /agent/catalyst-agent.sh": "public",
  "POST /api/agent/enroll": "public",
  "GET /api/agent/spec": "agent",
  "POST /api/agent/report": "agent",
  "GET /api/agent/connect": "agent",
  "GET /ws": "socket",
  "GET /api/servers/:id/console": "socket",
  "GET /api/auth/me": "signed-in",
  "GET /api/permissions": "signed-in",
  "GET /api/locations": "signed-in",
  "GET /api/locations/:id": "signed-in",
  "GET /api/servers": "signed-in",
  "POST /api/auth/logout": "person",
  "PATCH /api/auth/me": "person",
  "POST /api/auth/me/password": "person",
  "GET /api/auth/sessions": "person",
  "DELETE /api/auth/sessions/:id": "person",
  "GET /api/auth/api-keys": "person",
  "POST /api/auth/api-keys": "person",
  "DELETE /api/auth/api-keys/:id": "person",
  "GET /api/users": { global: ["user.read"] },
  "POST /api/users": { global: ["user.create"] },
  "GET /api/users/:id": { global: ["user.read"] },
  "PATCH /api/users/:id": { global: ["user.ban", "user.unban", "user.set_roles"] },
  "GET /api/roles": { global: ["role.read", "user.set_roles"] },
  "POST /api/locations": { global: ["location.create"] },
  "PUT /api/locations/:id": { global: ["location.update"] },
  "PATCH /api/locations/:id": { global: ["location.update"] },
  "DELETE /api/locations/:id": { global: ["location.delete"] },
  "GET /api/nodes": { global: ["node.read", "server.create"] },
  "POST /api/nodes": { global: ["node.create"] },
  "GET /api/nodes/:id": { global: ["node.read", "server.create"] },
  "PUT /api/nodes/:id": { global: ["node.update"] },
  "PATCH /api/nodes/:id": { global: ["node.update"] },
  "DELETE /api/nodes/:id": { global: ["node.delete"] },
  "POST /api/nodes/:id/deployment-token": { global: ["node.update"] },
  "POST /api/nodes/:id/rotate-secret": { global: ["node.update"] },
  "POST /api/nodes/:id/mode": { global: ["node.update"] },
  "POST /api/nodes/:id/preflight": { global: ["node.view_stats", "node.update"] },
  "POST /api/nodes/:id/update-agent": { global: ["node.update"] },
  "GET /api/nodes/:id/stats": { global: ["node.view_stats"] },
  "GET /api/nodes/:id/allocations": { global: ["node.read", "node.manage_allocation"] },
  "DELETE /api/nodes/:id/allocations": { global: ["node.manage_allocation"] },
  "POST /api/nodes/:id/allocations": { global: ["node.manage_allocation"] },
  "PATCH /api/nodes/:id/allocations/:allocationId": { global: ["node.manage_allocation"] },
  "DELETE /api/nodes/:id/allocations/:allocationId": { global: ["node.manage_allocation"] },
  "POST /api/templates": { global: ["template.create"] },
  "PUT /api/templates/:id": { global: ["template.update"] },
  "DELETE /api/templates/:id": { global: ["template.delete"] },
  "GET /api/pools": { global: ["pool.read"] },
  "POST /api/pools": { global: ["pool.create"] },
  "GET /api/pools/:id": { global: ["pool.read"] },
  "GET /api/pools/:id/addresses": { global: ["pool.read"] },
  "PATCH /api/pools/:id": { global: ["pool.update"] },
  "DELETE /api/pools/:id": { global: ["pool.delete"] },
  "GET /api/audit": { global: ["audit.read"] },
  "POST /api/servers": { global: ["server.create"] },
  "GET /api/servers/:id": { server: "server.read" },
  // Each field of the body, and deletion, ask for more: see the tests of those services.
  "PUT /api/servers/:id": { server: "server.read" },
  "PATCH /api/servers/:id": { server: "server.read" },
  "DELETE /api/servers/:id": { server: "server.read" },
  "POST /api/servers/:id/start": { server: "server.start" },
  "POST /api/servers/:id/stop": { server: "server.stop" },
  "POST /api/servers/:id/restart": { server: "server.restart" },
  "POST /api/servers/:id/kill": { server: "server.kill" },
  "POST /api/servers/:id/suspend": { global: ["server.suspend"] },
  "POST /api/servers/:id/unsuspend": { global: ["server.suspend"] },
  "POST /api/servers/:id/reinstall": { server: "server.reinstall" },
  "POST /api/servers/:id/install": { server: "server.reinstall" },
  "POST /api/servers/:id/install/cancel": { server: "server.reinstall" },
  "POST /api/servers/:id/image/refresh": { server: "startup.image" },
  "PATCH /api/servers/:id/restart-policy": { server: "startup.update" },
  "POST /api/servers/:id/reset-crash-count": { server: "server.restart" },
  "GET /api/servers/:id/crashes": { server: "server.read" },
  "POST /api/servers/:id/command": { server: "console.write" },
  "GET /api/servers/:id/logs": { server: "console.read" },
  "GET /api/servers/:id/stats": { server: "server.read" },
  "GET /api/servers/:id/activity": { server: "activity.read" },
  "GET /api/servers/:id/allocations": { server: "allocation.read" },
  "GET /api/servers/:id/allocations/available": { server: "allocation.create" },
  "POST /api/servers/:id/allocations": { server: "allocation.create" },
  "POST /api/servers/:id/allocations/primary": { server: "allocation.update" },
  "PATCH /api/servers/:id/allocations/:port": { server: "allocation.update" },
  "DELETE /api/servers/:id/allocations/:port": { server: "allocation.delete" },
  "PATCH /api/servers/:id/network": { server: "allocation.update" },
  "GET /api/servers/:id/access": { server: "access.read" },
  "POST /api/servers/:id/access": { server: "access.create" },
  "PATCH /api/servers/:id/access/:userId": { server: "access.update" },
  "DELETE /api/servers/:id/access/:userId": { server: "access.delete" },
};

let world: World;
let admin: Person;
let owner: Person;
let foreigner: Person;
let serverId: string;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  owner = await world.person("owner");
  foreigner = await world.person("foreigner", []);
  await world.node();
  await world.template();
  serverId = await world.server(owner);
});
afterAll(() => world.close());

function registered(): string[] {
  const routes = world.app.routes.filter(({ method, path }) => method !== "ALL" && !path.includes("*"));
  return [...new Set(routes.map(({ method, path }) => `${method} ${path}`))];
}

/** A path that leads nowhere but to the walk's server, so that no call of the walk changes the world. */
function address(route: string): [string, string] {
  const [method, path] = route.split(" ") as [string, string];
  const id = path.startsWith("/api/servers/") ? serverId : "nothing-here";
  return [method, path.replace(":id", id).replace(/:\w+/g, "nothing-here")];
}

/** Calls with a body that no route accepts, so that whoever is let in gets no further than validation. */
async function status(route: string, caller: { as?: Person; token?: string }) {
  const [method, path] = address(route);
  const body = method === "GET" ? {} : { body: { surprise: true } };
  return (await world.call(method, path, { ...caller, ...body })).status;
}

async function apiKey(person: Person, scopes: string[]): Promise<string> {
  const key = newSecret("cat_");
  await world.query(
    `insert into api_keys (id, user_id, name, key_hash, prefix, scopes, allowed_ips)
     values ($1, $2, 'walk', $3, 'cat_', $4, '{}')`,
    [crypto.randomUUID(), person.id, secretHash(key), scopes],
  );
  return key;
}

const DENIED = [401, 403];
const rulesOf = <T>(pick: (rule: Rule) => T | null) =>
  Object.entries(RULES).flatMap(([route, rule]) => {
    const picked = pick(rule);
    return picked === null ? [] : [[route, picked] as [string, T]];
  });
const globalRoutes = rulesOf((rule) => (typeof rule === "object" && "global" in rule ? rule.global : null));
const serverRoutes = rulesOf((rule) => (typeof rule === "object" && "server" in rule ? rule.server : null));
const guarded = rulesOf((rule) => (rule === "public" || rule === "socket" ? null : rule));

it("has a rule for every registered route, and no rule for a route that is not", () => {
  expect(registered().sort()).toEqual(Object.keys(RULES).sort());
});

it.each(guarded)("%s is closed to who carries no credential", async (route) => {
  expect(await status(route, {})).toBe(401);
});

it.each(guarded)("%s is closed to a token that is none", async (route) => {
  expect(await status(route, { token: "cat_nonsense" })).toBe(401);
  expect(await status(route, { token: "eyJhbGciOiJub25lIn0.e30." })).toBe(401);
});

it.each(rulesOf((rule) => (rule === "agent" ? rule : null)))("%s is closed to users", async (route) => {
  expect(await status(route, { as: admin })).toBe(401);
});

it.each(rulesOf((rule) => (rule === "signed-in" ? rule : null)))("%s is open to anybody signed in", async (route) => {
  expect(DENIED).not.toContain(await status(route, { as: foreigner }));
});

it.each(rulesOf((rule) => (rule === "person" ? rule : null)))("%s is closed to API keys", async (route) => {
  expect(await status(route, { token: await apiKey(admin, []) })).toBe(403);
});

describe("routes that need a global permission", () => {
  it.each(globalRoutes)("%s is closed to who lacks %s", async (route, permissions) => {
    expect(await status(route, { as: foreigner })).toBe(403);
    const others = GLOBAL_PERMISSIONS.filter(
      (permission) => permission !== "*" && !(permissions as string[]).includes(permission),
    );
    const allButThese = await world.personWith(`lacks-${crypto.randomUUID().slice(0, 12)}`, others);
    expect(await status(route, { as: allButThese })).toBe(403);
  });

  it.each(globalRoutes)("%s is open to who has just one of %s", async (route, permissions) => {
    for (const permission of permissions) {
      const holder = await world.personWith(`has-${crypto.randomUUID().slice(0, 12)}`, [permission]);
      expect(DENIED).not.toContain(await status(route, { as: holder }));
    }
  });

  it.each(globalRoutes)("%s follows the scopes of an administrator's API key (%s)", async (route, permissions) => {
    expect(DENIED).not.toContain(await status(route, { as: admin }));
    expect(DENIED).not.toContain(await status(route, { token: await apiKey(admin, [permissions[0]]) }));
    expect(await status(route, { token: await apiKey(admin, ["database_host.read"]) })).toBe(403);
  });
});

describe("routes of one server", () => {
  const SERVER_PERMISSIONS = [...new Set(serverRoutes.map(([, permission]) => permission))];

  async function subUser(permissions: string[]): Promise<Person> {
    const person = await world.person(`sub-${crypto.randomUUID().slice(0, 12)}`, []);
    await world.query("insert into grants (server_id, user_id, permissions) values ($1, $2, $3)", [
      serverId,
      person.id,
      permissions,
    ]);
    return person;
  }

  it.each(serverRoutes)("%s does not exist for a foreign user", async (route) => {
    expect(await status(route, { as: foreigner })).toBe(404);
  });

  it.each(serverRoutes)("%s is closed to a sub-user who lacks exactly %s", async (route, permission) => {
    const person = await subUser(SERVER_PERMISSIONS.filter((other) => other !== permission));
    expect(await status(route, { as: person })).toBe(403);
  });

  it.each(serverRoutes)("%s is open to a sub-user who has exactly %s", async (route, permission) => {
    const code = await world.call(...(address(route) as [string, string]), {
      as: await subUser([permission]),
      ...(route.startsWith("GET") ? {} : { body: { surprise: true } }),
    });
    // Deletion asks the owner or a global permission, in the service.
    if (route === "DELETE /api/servers/:id") expect(code.body.error).toContain("server.delete");
    else expect([401, 403]).not.toContain(code.status);
  });

  it.each(serverRoutes.filter(([route]) => route !== "DELETE /api/servers/:id"))(
    "%s is open to the owner and to an administrator, and follows a key's scope %s",
    async (route, permission) => {
      for (const person of [owner, admin]) expect(DENIED).not.toContain(await status(route, { as: person }));
      expect(DENIED).not.toContain(await status(route, { token: await apiKey(owner, [permission]) }));
      expect(await status(route, { token: await apiKey(owner, ["database_host.read"]) })).toBe(403);
    },
  );
});
