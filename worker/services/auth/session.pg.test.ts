import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hashPassword } from "../../auth/password.ts";
import { type Person, World } from "../../testing/world.ts";

const PASSWORD = "correct horse battery";
let world: World;
let admin: Person;
let alice: Person;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  await world.node();
  await world.template();
});
afterAll(() => world.close());
let count = 0;
beforeEach(async () => {
  alice = await world.person(`alice${++count}`, ["User"], await hashPassword(PASSWORD));
});

const me = (person: Person) => world.call("GET", "/api/auth/me", { as: person });
const revokedFor = (person: Person) =>
  world.hubs.of("node-1").revocations.filter(({ filter }) => filter.userId === person.id);

describe("a session ends at once", () => {
  it("on logout, with its sockets", async () => {
    await world.server(alice);
    await world.must("POST", "/api/auth/logout", { as: alice });
    expect((await me(alice)).status).toBe(401);
    await world.until("the hub is told", () => revokedFor(alice).length > 0);
    expect(revokedFor(alice)[0]!.filter.credentialId).toBe(alice.sessionId);
  });

  it("on a change of password, and the answer carries a new one", async () => {
    await world.server(alice);
    const body = { currentPassword: PASSWORD, newPassword: "another long password" };
    const { token } = await world.must<{ token: string }>("POST", "/api/auth/me/password", { as: alice, body });
    expect((await me(alice)).status).toBe(401);
    expect((await world.call("GET", "/api/auth/me", { token })).status).toBe(200);
    await world.until("the hub is told", () => revokedFor(alice).length > 0);
    const login = { email: alice.email, password: "another long password" };
    expect((await world.call("POST", "/api/auth/login", { body: login })).status).toBe(200);
  });

  it("on a ban, and comes back by no key", async () => {
    const { key } = await world.must<{ key: string }>("POST", "/api/auth/api-keys", { as: alice, body: { name: "k" } });
    await world.must("PATCH", `/api/users/${alice.id}`, { as: admin, body: { isBanned: true } });
    expect((await me(alice)).status).toBe(401);
    expect((await world.call("GET", "/api/auth/me", { token: key })).status).toBe(401);
  });

  it("when it is revoked from the list", async () => {
    const list = await world.must<{ id: string; isCurrent: boolean }[]>("GET", "/api/auth/sessions", { as: alice });
    expect(list.map(({ id, isCurrent }) => [id, isCurrent])).toEqual([[alice.sessionId, true]]);
    await world.must("DELETE", `/api/auth/sessions/${alice.sessionId}`, { as: alice });
    expect((await me(alice)).status).toBe(401);
  });

  it("at its expiry, and says so", async () => {
    world.clock.offsetMs = 2 * 3_600_000;
    try {
      expect((await me(alice)).body.code).toBe("AUTH_EXPIRED");
    } finally {
      world.clock.offsetMs = 0;
    }
  });
});

describe("a session by cookie", () => {
  const cookie = () => ({ cookie: `theme=dark; catalyst_session=${alice.token}` });

  it("reads", async () => {
    expect((await world.call("GET", "/api/auth/me", { headers: cookie() })).status).toBe(200);
  });

  it.each<[string, Record<string, string>, number]>([
    ["without the CSRF header", {}, 403],
    ["with the header from another site", { "x-catalyst-csrf": "1", origin: "https://evil.test" }, 403],
    ["with the header from this site", { "x-catalyst-csrf": "1", origin: "https://panel.test" }, 200],
  ])("changes something %s: %s", async (_how, headers, status) => {
    const body = { username: `renamed${count}` };
    const answer = await world.call("PATCH", "/api/auth/me", { headers: { ...cookie(), ...headers }, body });
    expect(answer.status).toBe(status);
  });
});

describe("an API key", () => {
  const make = (body: Record<string, unknown>) =>
    world.must<{ id: string; key: string }>("POST", "/api/auth/api-keys", { as: alice, body: { name: "k", ...body } });

  it("is shown once and stored as a hash", async () => {
    const { id, key } = await make({});
    const [row] = await world.query("select * from api_keys where id = $1", [id]);
    expect(JSON.stringify(row)).not.toContain(key);
    const listed = await world.call("GET", "/api/auth/api-keys", { as: alice });
    expect(listed.text).not.toContain(key);
  });

  it("works from the addresses it is bound to and from no others", async () => {
    const { key } = await make({ allowedIps: ["198.51.100.0/24", "2001:db8::/32"] });
    const from = async (address?: string) =>
      (await world.call("GET", "/api/auth/me", { token: key, headers: address ? { "x-test-address": address } : {} }))
        .status;
    expect(await from("198.51.100.77")).toBe(200);
    expect(await from("2001:db8:1::5")).toBe(200);
    expect(await from("203.0.113.1")).toBe(403);
    expect(await from()).toBe(403);
  });

  it("ends when it expires or is deleted", async () => {
    const { id, key } = await make({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    world.clock.offsetMs = 3_700_000;
    expect((await world.call("GET", "/api/auth/me", { token: key })).body.code).toBe("AUTH_EXPIRED");
    world.clock.offsetMs = 0;
    await world.must("DELETE", `/api/auth/api-keys/${id}`, { as: alice });
    expect((await world.call("GET", "/api/auth/me", { token: key })).status).toBe(401);
  });

  it("lists servers only with the scope", async () => {
    const id = await world.server(alice);
    const reader = (await make({ scopes: ["server.read"] })).key;
    const listed = await world.must<{ id: string }[]>("GET", "/api/servers", { token: reader });
    expect(listed.map((server) => server.id)).toEqual([id]);
    const other = (await make({ scopes: ["console.read"] })).key;
    expect((await world.call("GET", "/api/servers", { token: other })).status).toBe(403);
  });
});

describe("registration", () => {
  const body = (name: string) => ({ email: `${name}@example.com`, username: name, password: PASSWORD });

  it("makes an account with the role User, once for each address and name", async () => {
    const answer = await world.call<{ token: string }>("POST", "/api/auth/register", { body: body("newcomer") });
    expect(answer.status, answer.text).toBe(201);
    expect(await world.must("GET", "/api/auth/me", { token: answer.data.token })).toMatchObject({ roles: ["User"] });
    expect((await world.call("POST", "/api/auth/register", { body: body("newcomer") })).body.code).toBe("CONFLICT");
    const clash = { ...body("other"), username: "NewComer" };
    expect((await world.call("POST", "/api/auth/register", { body: clash })).body.code).toBe("CONFLICT");
  });

  it("refuses a weak password and a closed installation", async () => {
    const weak = await world.call("POST", "/api/auth/register", { body: { ...body("weak"), password: "short" } });
    expect([weak.status, weak.body.details?.[0]?.path]).toEqual([400, "password"]);
    world.env.REGISTRATION = "closed";
    const closed = await world.call("POST", "/api/auth/register", { body: body("late") });
    world.env.REGISTRATION = "open";
    expect(closed.status).toBe(403);
  });
});
