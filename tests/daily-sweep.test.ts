import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start();
});
afterAll(() => panel?.stop());

async function query(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: panel.ready.databaseUrl });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
const kept = async () =>
  (await query("select id from audit_log where action = 'test.old' order by id")).map((row) => row.id);

it("a start after more than a day deletes what has expired, one within the day does not, and nobody else can ask for it", async () => {
  await query(`insert into audit_log (id, at, action, target_type, details) values
    ('old', now() - interval '91 days', 'test.old', 'test', '{}'), ('young', now(), 'test.old', 'test', '{}')`);
  const asked = await fetch(`${panel.url}/_local/daily`, {
    method: "POST",
    headers: { authorization: "Bearer guess" },
  });
  expect(asked.status).toBe(404);
  panel = await panel.restart();
  await panel.waitForNode();
  expect(await kept()).toEqual(["old", "young"]);

  writeFileSync(join(panel.ready.dataDir, "swept-at"), "2020-01-01T00:00:00.000Z\n");
  panel = await panel.restart();
  await until("the old entry is gone", async () => (await kept()).length === 1);
  expect(await kept()).toEqual(["young"]);
});
