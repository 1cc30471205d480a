import bcrypt from "bcryptjs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hashPassword } from "../../auth/password.ts";
import { type CallOptions, World } from "../../testing/world.ts";

const PASSWORD = "correct horse battery";
let world: World;

beforeAll(async () => {
  world = await World.create();
  await world.person("alice", ["User"], await hashPassword(PASSWORD));
});
afterAll(() => world.close());
beforeEach(() => world.query("delete from login_attempts"));

const login = (email: string, password: string, options: CallOptions = {}) =>
  world.call<{ token: string; user: { email: string; permissions: string[] } }>("POST", "/api/auth/login", {
    ...options,
    body: { email, password },
  });

describe("signing in", () => {
  it("answers a token that works, and a cookie that scripts of a page cannot read", async () => {
    const answer = await login("ALICE@example.com", PASSWORD);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.data.user).toMatchObject({ email: "alice@example.com", permissions: ["server.create"] });
    expect(await world.must("GET", "/api/auth/me", { token: answer.data.token })).toMatchObject({ username: "alice" });
    const cookie = answer.headers.get("set-cookie") ?? "";
    for (const attribute of ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"]) expect(cookie).toContain(attribute);
  });

  it("takes two statements", async () => {
    const proxy = world.env.NEON_LOCAL_PROXY!;
    const counted = async () => ((await (await fetch(`${proxy}/stats`)).json()) as { statements: number }).statements;
    const before = await counted();
    await login("alice@example.com", PASSWORD);
    expect((await counted()) - before).toBe(2);
  });

  it("tells a wrong password and an unknown address alike, in about the same time", async () => {
    const timed = async (email: string) => {
      const start = performance.now();
      const { status, body } = await login(email, "wrong password");
      return { ms: performance.now() - start, told: [status, body.code, body.error] };
    };
    const known = await timed("alice@example.com");
    const unknown = await timed("nobody@example.com");
    expect(unknown.told).toEqual(known.told);
    expect(known.told[0]).toBe(401);
    expect(unknown.ms).toBeGreaterThan(known.ms / 4);
  });

  it("accepts a bcrypt hash brought along, and replaces it at once", async () => {
    await world.person("old-timer", ["User"], bcrypt.hashSync(PASSWORD, 6).replace("$2b$", "$2y$"));
    expect((await login("old-timer@example.com", PASSWORD)).status).toBe(200);
    const [row] = await world.query<{ password_hash: string }>(
      "select password_hash from users where username = 'old-timer'",
    );
    expect(row!.password_hash).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$/);
    expect((await login("old-timer@example.com", PASSWORD)).status).toBe(200);
  });

  it("refuses a banned user who knows the password, and tells a stranger nothing of the ban", async () => {
    await world.person("banned", ["User"], await hashPassword(PASSWORD));
    await world.query("update users set is_banned = true where username = 'banned'");
    expect((await login("banned@example.com", PASSWORD)).body.code).toBe("PERMISSION_DENIED");
    expect((await login("banned@example.com", "wrong password")).body.code).toBe("INVALID_CREDENTIALS");
  });
});

describe("guessing", () => {
  it("is blocked for longer and longer, the right password too, and says for how long", async () => {
    for (let guess = 0; guess < 5; guess++) expect((await login("alice@example.com", "wrong")).status).toBe(401);
    const blocked = await login("alice@example.com", PASSWORD);
    expect([blocked.status, blocked.body.code]).toEqual([429, "RATE_LIMITED"]);
    const first = Number(blocked.headers.get("retry-after"));
    expect(first).toBeGreaterThan(0);

    await world.query("update login_attempts set blocked_until = now() - interval '1 second'");
    expect((await login("alice@example.com", "wrong")).status).toBe(401);
    const again = await login("alice@example.com", PASSWORD);
    expect(Number(again.headers.get("retry-after"))).toBeGreaterThan(first);
  });

  it("cannot outrun the count by asking many times at once", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => login("alice@example.com", "wrong")));
    expect(answers.filter((answer) => answer.status === 401).length).toBeLessThanOrEqual(5);
  });

  it("is forgotten once the right password comes outside a block", async () => {
    for (let guess = 0; guess < 4; guess++) await login("alice@example.com", "wrong");
    expect((await login("alice@example.com", PASSWORD)).status).toBe(200);
    for (let guess = 0; guess < 4; guess++) expect((await login("alice@example.com", "wrong")).status).toBe(401);
  });

  it("is counted for an address too, whatever accounts it tries", async () => {
    const headers = { "x-test-address": "198.51.100.9" };
    await world.query(
      "insert into login_attempts (subject, window_start, failures) values ('ip:198.51.100.9', now(), 19)",
    );
    expect((await login("one@example.com", "wrong", { headers })).status).toBe(401);
    expect((await login("two@example.com", "wrong", { headers })).status).toBe(429);
    expect((await login("two@example.com", "wrong")).status).toBe(401);
  });
});
