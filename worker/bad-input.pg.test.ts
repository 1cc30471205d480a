import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { failureSchema } from "../protocol/api/envelope.ts";
import { type Person, World } from "./testing/world.ts";

let world: World;
let admin: Person;

beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  await world.node();
  await world.template();
});
afterAll(() => world.close());

const IMPOSSIBLE_IDS = ["%00", "..%2f..%2fetc", "'; drop table nodes", "A".repeat(300), "%F0%9F%90%99", "-", "UPPER"];

describe("an id that cannot exist", () => {
  it.each(IMPOSSIBLE_IDS)("%s is not found, anywhere", async (id) => {
    const places = ["servers", "nodes", "locations", "templates", "users"].map((place) => `/api/${place}/${id}`);
    for (const path of [...places, `/api/servers/${id}/logs`, `/api/deploy/${id}`]) {
      const { status } = await world.call("GET", path, { as: admin });
      expect([path, status]).toEqual([path, 404]);
    }
    expect((await world.call("DELETE", `/api/auth/sessions/${id}`, { as: admin })).status).toBe(404);
  });
});

describe("a request body", () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    world.call("POST", "/api/locations", { as: admin, body, headers });

  it.each<[string, string, Record<string, string>]>([
    ["that is not JSON", "{", {}],
    ["that is no object", "[]", {}],
    ["of another type", "name=x", { "content-type": "application/x-www-form-urlencoded" }],
    ["that is empty", "", {}],
  ])("%s is refused", async (_what, body, headers) => {
    const answer = await post(body, headers);
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION"]);
  });

  it.each([
    ["of no bytes", ""],
    ["of no bytes, in chunks", new Blob([]).stream()],
    ["that is not there", null],
  ])("%s with a JSON type is no body, where none is needed", async (_what, body) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${admin.token}` };
    const path = "http://localhost/api/nodes/node-1/rotate-secret";
    const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    const answer = await world.app.request(path, init, world.env);
    expect(answer.status, await answer.text()).toBe(200);
  });

  it("larger than 1 MiB is refused", async () => {
    const answer = await post({ name: "x".repeat(1024 * 1024 + 1) });
    expect([answer.status, answer.body.code]).toEqual([413, "BODY_TOO_LARGE"]);
  });

  it("with unknown fields is refused by their names", async () => {
    const answer = await post({ name: "x", colour: "red", size: 3 });
    expect(answer.body.details?.map(({ path }) => path)).toEqual(["colour", "size"]);
  });

  it("with a NUL in text is refused, not a fault", async () => {
    const answer = await post({ name: "a\0b" });
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION"]);
  });

  it("cannot reach into prototypes", async () => {
    const answer = await post('{"name":"x","__proto__":{"admin":true},"constructor":1}');
    expect(answer.status).toBe(400);
  });
});

describe("a template", () => {
  const post = (changes: Record<string, unknown>) =>
    world.call("POST", "/api/templates", {
      as: admin,
      body: { id: "made", name: "made", image: "i", startup: "s", ...changes },
    });

  it.each<[string, Record<string, unknown>, string]>([
    ["an unknown rule", { variables: [{ name: "A", rules: ["nonsense"] }] }, "variables.0.rules.0"],
    ["a rule that lacks its argument", { variables: [{ name: "A", rules: ["between:1"] }] }, "variables.0.rules.0"],
    ["a pattern that does not parse", { variables: [{ name: "A", rules: ["regex:/(/"] }] }, "variables.0.rules.0"],
    ["a reserved variable", { variables: [{ name: "SERVER_PORT" }] }, "variables.0.name"],
    ["an unknown field", { colour: "red" }, "colour"],
  ])("with %s is refused when it is saved", async (_what, changes, path) => {
    const answer = await post(changes);
    expect([answer.status, answer.body.details?.[0]?.path]).toEqual([400, path]);
  });

  it("cannot share a name, and cannot be deleted while it is in use", async () => {
    expect((await post({})).status).toBe(201);
    const again = await post({ id: "other" });
    expect([again.status, again.body.details?.[0]?.path]).toEqual([400, "name"]);
    await world.server(admin, { templateId: "made" });
    expect((await world.call("DELETE", "/api/templates/made", { as: admin })).status).toBe(409);
  });

  it("that changes leaves servers as they were until they are reinstalled", async () => {
    const id = await world.server(admin, { templateId: "made" });
    const body = { name: "made", image: "i2", startup: "s2", variables: [{ name: "NEW", default: "n" }] };
    expect((await world.must<{ revision: number }>("PUT", "/api/templates/made", { as: admin, body })).revision).toBe(
      2,
    );
    const view = () => world.must<Record<string, unknown>>("GET", `/api/servers/${id}`, { as: admin });
    expect(await view()).toMatchObject({ image: "i", startup: "s", environment: {} });
    await world.must("POST", `/api/servers/${id}/reinstall`, { as: admin });
    expect(await view()).toMatchObject({ image: "i2", startup: "s2", environment: { NEW: "n" } });
  });
});

describe("every failure", () => {
  it("has the contract's shape and the request's id", async () => {
    const headers = { "x-request-id": "my-request.1" };
    const answer = await world.call("GET", "/api/servers/nothing", { as: admin, headers });
    expect(failureSchema.parse(answer.body)).toMatchObject({ code: "NOT_FOUND", requestId: "my-request.1" });
    expect(answer.headers.get("x-request-id")).toBe("my-request.1");
  });

  it("gets an id of ours when the one that came is not one", async () => {
    const answer = await world.call("GET", "/api/nowhere", { headers: { "x-request-id": "bad id <script>" } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("of ours says nothing of the inside, and the log holds no parameter", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await world.query("alter table locations rename to hidden_locations");
    const answer = await world.call("POST", "/api/locations", { as: admin, body: { name: "secret-parameter" } });
    await world.query("alter table hidden_locations rename to locations");
    const logged = log.mock.calls.flat().join("\n");
    log.mockRestore();
    expect([answer.status, answer.body.code]).toEqual([500, "INTERNAL"]);
    expect(answer.text).not.toMatch(/locations|select|insert|at /i);
    expect(logged).toContain("42P01");
    expect(logged).not.toContain("secret-parameter");
  });

  it("of the database being away is 503", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const away = { ...world.env, DATABASE_URL: world.env.DATABASE_URL.replace(/\/[^/]*$/, "/no_such_database") };
    const answer = await world.app.request("https://panel.test/api/templates", {}, away);
    const health = await world.app.request("https://panel.test/health", {}, away);
    log.mockRestore();
    expect([answer.status, health.status]).toEqual([503, 503]);
    expect(answer.headers.get("retry-after")).not.toBeNull();
    expect(await answer.text()).not.toContain("no_such_database");
  });
});

describe("every answer", () => {
  it("carries the headers that keep browsers careful", async () => {
    const { headers } = await world.call("GET", "/api/templates");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("strict-transport-security")).toContain("max-age");
    expect(headers.get("cache-control")).toBe("no-store");
  });
});

describe("the reference", () => {
  it("describes every route with its bodies, and a page shows it without scripts", async () => {
    const document = await world.call<never>("GET", "/api/openapi.json");
    const paths = (document.body as unknown as { paths: Record<string, object> }).paths;
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(["/api/servers", "/api/servers/{id}/logs", "/api/auth/login"]),
    );
    const page = await world.call("GET", "/api/docs");
    expect(page.text).toContain("/api/servers/{id}/logs");
    expect(page.text).not.toMatch(/<script|https?:\/\//);
  });
});
