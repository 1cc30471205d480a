import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectDatabase } from "../../db/connect.ts";
import { type Person, World } from "../../testing/world.ts";
import { deleteInBatches, type SweepContext } from "./delete-in-batches.ts";
import { sweepExpired } from "./sweep-expired.ts";

let world: World;
let admin: Person;
let ctx: SweepContext;
beforeAll(async () => {
  world = await World.create();
  admin = await world.person("admin", ["Administrator"]);
  await world.node();
  ctx = { db: connectDatabase(world.env), clock: world.clock, auditRetentionDays: 90 };
});
afterAll(() => world.close());

const count = async (table: string) =>
  Number((await world.query<{ n: string }>(`select count(*) as n from ${table}`))[0]!.n);

describe("the sweep of what has expired", () => {
  beforeEach(async () => {
    await world.query("delete from audit_log");
    await world.query("delete from idempotency_keys");
    await world.query("delete from login_attempts");
    await world.query("delete from deployment_tokens");
  });

  it("deletes exactly what nothing can use any more", async () => {
    await world.query(
      `insert into sessions (id, user_id, expires_at, revoked_at) values
        ('over', $1, now() - interval '1 second', null),
        ('revoked and over', $1, now() - interval '1 day', now() - interval '2 days'),
        ('revoked', $1, now() + interval '1 hour', now()),
        ('live', $1, now() + interval '1 minute', null)`,
      [admin.id],
    );
    await world.query(
      `insert into idempotency_keys (user_id, key, request_hash, expires_at) values
        ($1, 'over', 'h', now() - interval '1 second'), ($1, 'live', 'h', now() + interval '1 minute')`,
      [admin.id],
    );
    await world.query(
      `insert into login_attempts (subject, window_start, failures, blocked_until) values
        ('email:forgotten', now() - interval '61 minutes', 3, null),
        ('email:over', now() - interval '2 hours', 9, now() - interval '1 hour'),
        ('email:blocked', now() - interval '2 hours', 9, now() + interval '1 minute'),
        ('ip:counting', now() - interval '59 minutes', 3, null)`,
    );
    await world.query(
      `insert into deployment_tokens (id, node_id, token_hash, expires_at, used_at) values
        ('over', 'node-1', 'a', now() - interval '1 second', null),
        ('used', 'node-1', 'b', now() + interval '1 hour', now()),
        ('live', 'node-1', 'c', now() + interval '1 minute', null)`,
    );
    await world.query(
      `insert into audit_log (id, at, action, target_type, details) values
        ('old', now() - interval '90 days 1 minute', 'server.start', 'server', '{}'),
        ('young', now() - interval '89 days 23 hours', 'server.start', 'server', '{}')`,
    );
    expect(await sweepExpired(ctx)).toEqual({
      sessions: 2,
      idempotencyKeys: 1,
      loginAttempts: 2,
      deploymentTokens: 2,
      auditEntries: 1,
    });
    const left = async (table: string, column: string) =>
      (await world.query<Record<string, string>>(`select ${column} from ${table} order by 1`)).map(
        (row) => row[column],
      );
    expect(await left("sessions", "id")).toEqual(expect.arrayContaining([admin.sessionId, "live", "revoked"]));
    expect(await left("idempotency_keys", "key")).toEqual(["live"]);
    expect(await left("login_attempts", "subject")).toEqual(["email:blocked", "ip:counting"]);
    expect(await left("deployment_tokens", "id")).toEqual(["live"]);
    expect(await left("audit_log", "id")).toEqual(["young"]);
    expect((await world.call("GET", "/api/auth/me", { as: admin })).status).toBe(200);
    const again = await sweepExpired(ctx);
    expect(Object.values(again)).toEqual([0, 0, 0, 0, 0]);
  });

  it("goes in bounded steps, stops at its bound, and goes on the next time", async () => {
    await world.query(
      `insert into audit_log (id, at, action, target_type, details)
       select 'old ' || n, now() - interval '91 days', 'server.start', 'server', '{}' from generate_series(1, 25) n`,
    );
    const steps = { rows: 5, batches: 3 };
    expect(await deleteInBatches(ctx, "audit_log", sql`true`, steps)).toBe(15);
    expect(await count("audit_log")).toBe(10);
    expect(await deleteInBatches(ctx, "audit_log", sql`true`, steps)).toBe(10);
    expect(await count("audit_log")).toBe(0);
  });

  it("run twice at once deletes each row once and fails neither", async () => {
    await world.query(
      `insert into audit_log (id, at, action, target_type, details)
       select 'old ' || n, now() - interval '91 days', 'server.start', 'server', '{}' from generate_series(1, 5000) n`,
    );
    const [one, other] = await Promise.all([sweepExpired(ctx), sweepExpired(ctx)]);
    expect((one.auditEntries ?? 0) + (other.auditEntries ?? 0)).toBe(5_000);
    expect(await count("audit_log")).toBe(0);
  });

  it("of one table that fails holds no other up", async () => {
    await world.query("alter table login_attempts rename to elsewhere");
    await world.query(
      `insert into audit_log (id, at, action, target_type, details)
       values ('old', now() - interval '91 days', 'server.start', 'server', '{}')`,
    );
    const swept = await sweepExpired(ctx).finally(() => world.query("alter table elsewhere rename to login_attempts"));
    expect(swept).toMatchObject({ loginAttempts: null, auditEntries: 1 });
  });
});
