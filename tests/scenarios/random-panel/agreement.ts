/** After the faults: every party says the same of every server, none is stuck, and what is deleted is gone. */
import { setTimeout as delay } from "node:timers/promises";
import { consoleFileText } from "../../world/node-files.ts";
import { recordedEvents } from "./event-history.ts";
import { disagreements, hear, type Parties } from "./parties.ts";
import type { RandomPanel } from "./random-panel.ts";
import {
  type AuditRow,
  auditFaults,
  type CrashRow,
  crashFaults,
  eventFaults,
  type Texts,
  textFaults,
} from "./records.ts";

/** The longest that any deadline of these servers lets a state last, on a busy machine. */
const REST_DEADLINE_MS = 90_000;
const START_DEADLINE_MS = 60_000;

/** Waits until nobody contradicts anybody. @throws with what is still said differently at the deadline */
export async function agreed({ panel, database, people }: RandomPanel): Promise<Parties> {
  const deadline = performance.now() + REST_DEADLINE_MS;
  for (;;) {
    let wrong: string[];
    try {
      const parties = await hear(panel, database, people);
      wrong = disagreements(parties);
      if (wrong.length === 0) return parties;
    } catch (error) {
      wrong = [`they cannot all be asked: ${error}`];
    }
    if (performance.now() > deadline) throw new Error(`no agreement:\n${wrong.join("\n")}`);
    await delay(100);
  }
}

/** What is wrong with what was written down of the run. */
export async function recordFaults({ database, people, panel, place }: RandomPanel): Promise<string[]> {
  const query = async <T extends object>(text: string, values: unknown[] = []) =>
    (await database.query<T>(text, values)).rows;
  const { entries } = place.ledger;
  const audit = await query<AuditRow>(
    "select action, actor_id, server_id, request_id from audit_log where actor_id = any($1) and request_id like 'random-panel-%'",
    [people.map(({ id }) => id)],
  );
  const crashes = await query<CrashRow>("select server_id, crash_count from server_crashes order by id");
  const lines = await query<CrashRow>(`select server_id, (details->>'crashCount')::int as crash_count from audit_log
    where action = 'server.crashed' and server_id in (select id from servers) order by at, id`);
  const servers = await query<Texts>(`select id as "serverId", name, description from servers`);
  const texts = servers.map((one) => ({ ...one, console: consoleFileText(panel.ready.dataDir, one.serverId) }));
  return [
    ...auditFaults(entries, audit),
    ...eventFaults(await recordedEvents(database)),
    ...crashFaults(crashes, lines),
    ...textFaults(entries, texts),
  ];
}

/** The node is active, nothing is suspended: each server can be started and stopped. Leaves all of them stopped. */
export async function noneIsStuck(world: RandomPanel): Promise<void> {
  const { panel } = world;
  const { rows } = await agreed(world);
  for (const { id, is_suspended } of rows) if (is_suspended) await panel.must("POST", `/api/servers/${id}/unsuspend`);
  await agreed(world);
  for (const { id } of rows) {
    const { status, body } = await panel.api("POST", `/api/servers/${id}/start`);
    if (status !== 202 && body.code !== "SERVER_ALREADY_RUNNING")
      throw new Error(`${id} does not start: ${status} ${body.error}`);
  }
  for (const { id } of rows) await panel.waitForState(id, "running", START_DEADLINE_MS);
  await agreed(world);
  for (const { id } of rows) await panel.must("POST", `/api/servers/${id}/stop`);
  for (const { id } of rows) await panel.waitForState(id, "stopped", START_DEADLINE_MS);
  await agreed(world);
}

/** Deletes every server, every second one while it runs; parties that know of none agree, and so nothing is left. */
export async function nothingIsLeft(world: RandomPanel): Promise<void> {
  const { panel } = world;
  const { rows } = await agreed(world);
  const started = rows.filter((_row, at) => at % 2 === 0);
  await Promise.all(started.map(({ id }) => panel.startServer(id, START_DEADLINE_MS)));
  await Promise.all(rows.map(({ id }) => panel.must("DELETE", `/api/servers/${id}`)));
  const left = await agreed(world);
  if (left.rows.length > 0) throw new Error(`still there: ${left.rows.map(({ id }) => id)}`);
}

/** Ends what the actors may have left switched on, and changes nothing more than that. */
export async function endFaults({ panel }: RandomPanel): Promise<void> {
  await panel.waitForNode(60_000);
  const { mode } = await panel.must<{ mode: string }>("GET", `/api/nodes/${panel.nodeId}`);
  if (mode !== "active") await panel.must("POST", `/api/nodes/${panel.nodeId}/mode`, { mode: "active" });
}
