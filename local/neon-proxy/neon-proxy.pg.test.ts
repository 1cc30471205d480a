import { randomUUID } from "node:crypto";
import { neon, neonConfig, Pool } from "@neondatabase/serverless";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import { bigint, integer, jsonb, numeric, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { WebSocket } from "ws";

const proxyUrl = inject("neonProxyUrl");
const database = `proxy_${randomUUID().replaceAll("-", "")}`;
const url = new URL(inject("pgAdminUrl"));
url.pathname = `/${database}`;

const things = pgTable("things", {
  id: integer("id").primaryKey(),
  name: text("name").notNull().unique("things_name_key"),
  tags: text("tags").array().notNull(),
  data: jsonb("data").$type<{ deep: { list: number[] } }>(),
  amount: numeric("amount"),
  big: bigint("big", { mode: "number" }),
  at: timestamp("at", { withTimezone: true, mode: "date" }),
});

async function asAdmin(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(inject("pgAdminUrl"));
  await client.connect();
  await work(client);
  await client.end();
}

/** The database's address with one part changed. */
function addressWith(change: { username?: string; password?: string; pathname?: string }): string {
  const address = new URL(url);
  Object.assign(address, change);
  return address.href;
}

const driver = (address = url.href) => neon(address);

function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${proxyUrl}/sql`, {
    method: "POST",
    headers: {
      "Neon-Connection-String": url.href,
      "Neon-Raw-Text-Output": "true",
      "Neon-Array-Mode": "true",
      ...headers,
    },
    body,
  });
}

beforeAll(async () => {
  neonConfig.fetchEndpoint = () => `${proxyUrl}/sql`;
  neonConfig.wsProxy = () => `${proxyUrl.replace("http://", "")}/v2`;
  neonConfig.useSecureWebSocket = false;
  neonConfig.webSocketConstructor = WebSocket;
  await asAdmin((client) => client.query(`create database ${database}`));
  await driver().query(
    "create table things (id int primary key, name text not null constraint things_name_key unique, tags text[] not null, data jsonb, amount numeric, big bigint, at timestamptz)",
  );
});

afterAll(() => asAdmin((client) => client.query(`drop database ${database} with (force)`)));

describe("single statements", () => {
  it("carries every kind of value both ways through drizzle", async () => {
    const db = drizzle(driver());
    const row = {
      id: 1,
      name: 'quote " and \\ and ünïcode 🎮',
      tags: ["a,b", 'c"d', "NULL", ""],
      data: { deep: { list: [1, 2, 3] } },
      amount: "123456789012345678901234567890.5",
      big: 9_007_199_254_740_991,
      at: new Date("2026-11-24T01:02:03.456Z"),
    };
    const [inserted] = await db.insert(things).values(row).returning();
    expect(inserted).toEqual(row);
    const [empty] = await db.insert(things).values({ id: 2, name: "nulls", tags: [] }).returning();
    expect(empty).toMatchObject({ data: null, amount: null, at: null, tags: [] });
  });

  it("says which constraint was violated, by code", async () => {
    const insert = driver()`insert into things (id, name, tags) values (3, 'nulls', '{}')`;
    await expect(insert).rejects.toMatchObject({ code: "23505", constraint: "things_name_key", table: "things" });
  });

  it("keeps no session state between requests", async () => {
    await driver().query("set search_path to pg_catalog");
    await driver().query("begin");
    const reads = Array.from({ length: 20 }, () => driver()`select current_setting('search_path') as path`);
    for (const [row] of await Promise.all(reads)) expect(row!.path).toBe('"$user", public');
  });

  it("goes on after a table changed under a prepared statement", async () => {
    const read = () => driver().query("select * from changing");
    await driver().query("create table changing (a int)");
    await driver().query("insert into changing values (1)");
    for (let i = 0; i < 10; i++) await read();
    await driver().query("alter table changing add column b int default 2");
    expect(await Promise.all([read(), read(), read()])).toEqual(Array(3).fill([{ a: 1, b: 2 }]));
  });

  it("forgets statements that an error kept from being prepared", async () => {
    const neverParsed = driver()`select 'after the error' as text`;
    await expect(driver().transaction([driver()`select 1/0`, neverParsed])).rejects.toMatchObject({ code: "22012" });
    const again = Array.from({ length: 10 }, () => driver()`select 'after the error' as text`);
    for (const rows of await Promise.all(again)) expect(rows).toEqual([{ text: "after the error" }]);
  });
});

describe("batches", () => {
  it("undoes all of a batch when one statement fails", async () => {
    const batch = driver().transaction([
      driver()`insert into things (id, name, tags) values (10, 'kept?', '{}')`,
      driver()`insert into things (id, name, tags) values (10, 'twice', '{}')`,
    ]);
    await expect(batch).rejects.toMatchObject({ code: "23505" });
    expect(await driver()`select 1 from things where id = 10`).toEqual([]);
  });

  it("honours isolation level and read only", async () => {
    const level = driver()`select current_setting('transaction_isolation') as level`;
    const [[row]] = (await driver().transaction([level], { isolationLevel: "Serializable", readOnly: true })) as [
      [{ level: string }],
    ];
    expect(row.level).toBe("serializable");
    const write = driver()`delete from things`;
    await expect(driver().transaction([write], { readOnly: true })).rejects.toMatchObject({ code: "25006" });
  });

  it("reports a constraint that only the commit checks, and undoes the batch", async () => {
    await driver().query("create table later (id int, constraint later_key unique (id) deferrable initially deferred)");
    const insert = () => driver()`insert into later values (1)`;
    await expect(driver().transaction([insert(), insert()])).rejects.toMatchObject({
      code: "23505",
      constraint: "later_key",
    });
    expect(await driver()`select * from later`).toEqual([]);
  });

  it("runs batches side by side without mixing their rows", async () => {
    const batches = Array.from({ length: 60 }, (_, i) =>
      driver().transaction([driver()`select ${i}::int as n`, driver()`select ${i}::int * 2 as n`]),
    );
    const results = await Promise.all(batches);
    expect(results).toEqual(Array.from({ length: 60 }, (_, i) => [[{ n: i }], [{ n: i * 2 }]]));
  });
});

describe("limits and refusals", () => {
  it("answers 507 when the rows are more than 10 MB, and undoes the batch", async () => {
    await expect(driver()`select repeat('x', 11000000)`).rejects.toThrow("HTTP status 507");
    const batch = driver().transaction([
      driver()`insert into things (id, name, tags) values (20, 'big', '{}')`,
      driver()`select repeat('x', 6000000) from generate_series(1, 2)`,
    ]);
    await expect(batch).rejects.toThrow("HTTP status 507");
    expect(await driver()`select 1 from things where id = 20`).toEqual([]);
  });

  it("answers 400 to a body that is not what the protocol says", async () => {
    for (const body of ["{", "[]", "null", '{"query":1}', '{"query":"select 1","params":{}}', '{"queries":{}}']) {
      const response = await post(body);
      expect(response.status, body).toBe(400);
      expect(Object.keys((await response.json()) as object)).toContain("message");
    }
  });

  it("answers an empty batch and an empty statement", async () => {
    expect(await (await post('{"queries":[]}')).json()).toEqual({ results: [] });
    expect(await (await post('{"query":""}')).json()).toMatchObject({ command: "", rows: [] });
  });

  it("refuses another password, user, or a browser, before anything reaches Postgres", async () => {
    const before = (await (await fetch(`${proxyUrl}/stats`)).json()) as { statements: number };
    for (const change of [{ password: "wrong" }, { username: "postgres" }]) {
      await expect(driver(addressWith(change))`select 1`).rejects.toMatchObject({ code: "28P01" });
    }
    expect((await post('{"query":"select 1"}', { Origin: "https://evil.example" })).status).toBe(403);
    expect(await (await fetch(`${proxyUrl}/stats`)).json()).toEqual(before);
  });

  it("names a database that does not exist", async () => {
    await expect(driver(addressWith({ pathname: "/no_such_database" }))`select 1`).rejects.toMatchObject({
      code: "3D000",
    });
  });

  it("refuses COPY without hanging", async () => {
    await driver().query("create table copied (a int)");
    await expect(driver().query("copy copied from stdin")).rejects.toMatchObject({ code: "57014" });
    expect(await driver()`select count(*) as n from copied`).toEqual([{ n: "0" }]);
  });
});

it("counts the statements asked for and the requests that carried them", async () => {
  const stats = async () => (await (await fetch(`${proxyUrl}/stats`)).json()) as Record<string, number>;
  const before = await stats();
  await driver().transaction([driver()`select 1`, driver()`select 2`]);
  const after = await stats();
  expect(after.statements! - before.statements!).toBe(2);
  expect(after.requests! - before.requests!).toBe(1);
});

describe("tunnel", () => {
  it("runs an interactive transaction with the driver's defaults", async () => {
    const pool = new Pool({ connectionString: url.href });
    const client = await pool.connect();
    try {
      await client.query("begin");
      await client.query("insert into things (id, name, tags) values (30, 'tunnel', '{}')");
      expect((await client.query("select name from things where id = 30")).rows).toEqual([{ name: "tunnel" }]);
      await client.query("rollback");
    } finally {
      client.release();
      await pool.end();
    }
    const db = drizzle(driver());
    expect(await db.select({ n: sql<string>`count(*)` }).from(things).where(sql`id = 30`)).toEqual([{ n: "0" }]);
  });

  it("asks for the password", async () => {
    const pool = new Pool({ connectionString: addressWith({ password: "wrong" }) });
    pool.on("error", () => {});
    await expect(pool.query("select 1")).rejects.toMatchObject({ code: "28P01" });
    await pool.end();
  });
});
