import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import type { Env } from "./env.ts";
import worker from "./index.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Stands in for Neon's HTTP endpoint; every statement deletes nothing. */
function database(): { query: string; params: unknown[] }[] {
  const statements: { query: string; params: unknown[] }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
    statements.push(JSON.parse(String(init?.body)));
    const fields = [{ name: "count", dataTypeID: 23 }];
    return Response.json({ command: "SELECT", rowCount: 1, rowAsArray: true, rows: [["0"]], fields });
  });
  return statements;
}

const run = (change: Partial<Env> = {}) =>
  worker.scheduled(createScheduledController(), {
    ...(env as unknown as Env),
    DATABASE_URL: "postgres://worker:secret@db.example.com/catalyst",
    ...change,
  });

it("the cron's call sweeps every table once when there is little to sweep", async () => {
  const statements = database();
  await run();
  const swept = statements.map(({ query }) => /delete from "(\w+)"/.exec(query)?.[1]);
  expect(swept).toEqual(["sessions", "idempotency_keys", "login_attempts", "deployment_tokens", "audit_log"]);
});

it.each([
  ["unset", undefined, 90],
  ["set", "7", 7],
  ["nonsense", "soon", 90],
  ["zero, which would delete all", "0", 90],
])("audit entries are kept for as long as the operator says (%s)", async (_what, days, kept) => {
  const statements = database();
  await run(days === undefined ? {} : { AUDIT_RETENTION_DAYS: days });
  const audit = statements.find(({ query }) => query.includes('"audit_log"'));
  const age = Date.now() - Date.parse(String(audit!.params[0]));
  expect(Math.round(age / 86_400_000)).toBe(kept);
});
