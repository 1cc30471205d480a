import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { PRESET_ROLES } from "../protocol/permissions.ts";
import { verifyPassword } from "../worker/auth/password.ts";
import { migrate } from "./migrate.ts";
import { readTemplates, seed } from "./seed.ts";

const database = `seed_${randomUUID().replaceAll("-", "")}`;
const url = new URL(inject("pgAdminUrl"));
url.pathname = `/${database}`;
const options = { adminEmail: "admin@example.com", adminPassword: null, location: { id: "here", name: "Here" } };

let client: pg.Client;
const rows = async <T extends object>(text: string) => (await client.query<T>(text)).rows;

beforeAll(async () => {
  const admin = new pg.Client(inject("pgAdminUrl"));
  await admin.connect();
  await admin.query(`create database ${database}`);
  await admin.end();
  client = new pg.Client(url.href);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  const admin = new pg.Client(inject("pgAdminUrl"));
  await admin.connect();
  await admin.query(`drop database ${database} with (force)`);
  await admin.end();
});

it("migrates once, even when two do it at the same time", async () => {
  await Promise.all([migrate(url.href), migrate(url.href)]);
  const [before] = await rows<{ n: string }>("select count(*) as n from drizzle.__drizzle_migrations");
  await migrate(url.href);
  expect(await rows("select count(*) as n from drizzle.__drizzle_migrations")).toEqual([before]);
});

it("seeds roles, templates, a location and an administrator whose password it tells", async () => {
  const { adminPassword, isNewAdmin } = await seed(url.href, options);
  expect(isNewAdmin).toBe(true);
  expect(adminPassword!.length).toBeGreaterThanOrEqual(20);
  const [user] = await rows<{ password_hash: string }>(
    "select u.* from users u join user_roles r on r.user_id = u.id where r.role_id = 'administrator'",
  );
  expect((await verifyPassword(adminPassword!, user!.password_hash)).matches).toBe(true);
  expect(await rows("select name from roles where is_preset order by name")).toEqual(
    Object.keys(PRESET_ROLES)
      .sort()
      .map((name) => ({ name })),
  );
  const ids = readTemplates().map(({ id }) => ({ id }));
  expect(await rows("select id from templates order by id")).toEqual(ids);
  expect(ids).toContainEqual({ id: "minecraft-paper" });
});

it("changes nothing when it is run again, and tells no password it does not know", async () => {
  await client.query("delete from templates where id = 'echo'");
  const everything = () =>
    rows(
      "select (select count(*) from users) u, (select max(password_hash) from users) p, (select count(*) from roles) r, (select count(*) from templates) t, (select count(*) from locations) l",
    );
  const before = await everything();
  expect(await seed(url.href, options)).toEqual({ adminPassword: null, isNewAdmin: false });
  expect(await seed(url.href, { ...options, adminEmail: "somebody@else.example" })).toEqual({
    adminPassword: null,
    isNewAdmin: false,
  });
  expect(await everything()).toEqual(before);
});

it("sets a given password and ends the administrator's sessions, but not for the same password again", async () => {
  const [user] = await rows<{ id: string }>("select id from users");
  const insert = "insert into sessions (id, user_id, expires_at) values ($1, $2, now() + interval '1 day')";
  await client.query(insert, ["s1", user!.id]);
  await seed(url.href, { ...options, adminPassword: "a new password" });
  await client.query(insert, ["s2", user!.id]);
  await seed(url.href, { ...options, adminPassword: "a new password" });
  expect(await rows("select id from sessions where revoked_at is not null")).toEqual([{ id: "s1" }]);
});
