/**
 * The control plane is away: its process hears nothing, takes nothing, and is then lost with what was in its sockets.
 * What became of the servers meanwhile is in Postgres afterwards: once, in order, with the times at which it happened.
 */
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeConsoleInput } from "../agent/console/console-input.ts";
import { serverPaths } from "../agent/console/server-paths.ts";
import type { AuditEntry } from "../protocol/api/audit.ts";
import type { ServerCrash, ServerDetail } from "../protocol/api/servers.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

/** Of the agent's journal to Postgres, on a busy machine. */
const TOLD_DEADLINE_MS = 60_000;
/** From a game's end to the crash that is noted of it. */
const NOTED_WITHIN_MS = 10_000;
/** The kernel's ticks, in which the end of a process may be told, and one to spare. */
const CLOCK_TICKS_MS = 20;

let panel: Panel;
beforeAll(async () => {
  panel = await Panel.start();
});
afterAll(() => panel?.stop());

const dataDir = () => join(panel.ready.dataDir, "nodes", panel.nodeId, "data");
const type = (id: string, line: string) => writeConsoleInput(serverPaths(dataDir(), id), line);
const view = (id: string) => panel.must<ServerDetail>("GET", `/api/servers/${id}`);

/** What the node itself says of a server; the control plane is not asked. */
async function localState(id: string): Promise<string | undefined> {
  const { servers } = await panel.agentStats();
  return servers.find(({ serverId }) => serverId === id)?.state;
}
const inLocalState = (id: string, state: string) =>
  until(`${id} is ${state} on its node`, async () => (await localState(id)) === state, 30_000);

async function runningServer(name: string, policy: Record<string, unknown>): Promise<string> {
  const id = await panel.createServer({ name });
  await panel.must("PATCH", `/api/servers/${id}/restart-policy`, policy);
  await panel.startServer(id);
  return id;
}

interface Ended {
  exitCode: number;
  from: number;
  to: number;
}

/** Lets a game end by itself, and waits for what its node makes of it. */
async function end(id: string, exitCode: number, then: readonly string[]): Promise<Ended> {
  const from = Date.now();
  await type(id, `exit ${exitCode}`);
  await until(`${id} ended`, async () => (await localState(id)) !== "running");
  const to = Date.now();
  for (const state of then) await inLocalState(id, state);
  return { exitCode, from, to };
}

it("what became of servers while the control plane was away is told once, in order, with its own times", async () => {
  const restarted = await Promise.all(
    [1, 2, 3].map((n) => runningServer(`restarted ${n}`, { policy: "on-failure", maxCrashes: 10 })),
  );
  const givenUp = await runningServer("given up", { policy: "on-failure", maxCrashes: 2 });
  const left = await runningServer("left", { policy: "never" });
  const done = await runningServer("done", { policy: "on-failure" });
  const kept = await runningServer("kept", { policy: "always" });
  const untouched = await runningServer("untouched", { policy: "on-failure" });
  const before = new Map<string, ServerDetail>();
  for (const id of [...restarted, givenUp, left, done, kept, untouched]) before.set(id, await view(id));

  const awayFrom = Date.now();
  const worker = panel.workerPid();
  process.kill(worker, "SIGSTOP");
  const crashes = new Map<string, Ended[]>();
  const crash = async (id: string, exitCode: number, ...then: string[]) =>
    crashes.set(id, [...(crashes.get(id) ?? []), await end(id, exitCode, then)]);
  const bounce = (exitCode: number) => Promise.all(restarted.map((id, n) => crash(id, exitCode + n, "running")));

  await Promise.all([bounce(10), crash(givenUp, 20, "running"), crash(left, 30, "crashed")]);
  await panel.killAgent();
  await until("the next agent knows its servers", async () => (await localState(untouched)) === "running");
  await Promise.all([
    bounce(40),
    crash(givenUp, 50, "crashed"),
    end(done, 0, ["stopped"]),
    // Its node starts it again at once.
    end(kept, 0, ["running"]),
  ]);
  await bounce(60);
  const awayTo = Date.now();

  process.kill(worker, "SIGKILL");
  await until("the edge is started again", () => ![0, worker].includes(panel.workerPid()));
  await until("the edge answers", async () => (await fetch(`${panel.url}/health`)).ok);
  await panel.waitForNode();

  for (const [id, ended] of crashes) {
    let told: ServerCrash[] = [];
    await until(
      `${before.get(id)!.name}: its crashes are told`,
      async () => {
        told = (await panel.must<ServerCrash[]>("GET", `/api/servers/${id}/crashes`)).reverse();
        return told.length >= ended.length;
      },
      TOLD_DEADLINE_MS,
    );
    expect(told.map(({ exitCode, crashCount }) => [exitCode, crashCount])).toEqual(
      ended.map(({ exitCode }, at) => [exitCode, at + 1]),
    );
    told.forEach(({ at }, number) => {
      const { from, to } = ended[number]!;
      expect(Date.parse(at)).toBeGreaterThanOrEqual(from - CLOCK_TICKS_MS);
      expect(Date.parse(at)).toBeLessThanOrEqual(to + NOTED_WITHIN_MS);
      expect(Date.parse(at)).toBeLessThan(awayTo);
    });
    const activity = await panel.must<AuditEntry[]>("GET", `/api/servers/${id}/activity?limit=200`);
    const lines = activity.filter(({ action }) => action === "server.crashed").reverse();
    expect(lines.map(({ at, details }) => [at, details.exitCode, details.crashCount])).toEqual(
      told.map(({ at, exitCode, crashCount }) => [at, exitCode, crashCount]),
    );
  }

  const expected = [
    ...restarted.map((id) => [id, { status: "running", crashCount: 3, exitCode: expect.any(Number) }] as const),
    [givenUp, { status: "crashed", crashCount: 2, exitCode: 50, restartAt: null }] as const,
    [left, { status: "crashed", crashCount: 1, exitCode: 30, restartAt: null }] as const,
    [done, { status: "stopped", crashCount: 0, exitCode: 0, restartAt: null }] as const,
    [kept, { status: "running", crashCount: 0 }] as const,
  ];
  for (const [id, facts] of expected) {
    let server = await view(id);
    const isTold = async () => {
      server = await view(id);
      return server.status === facts.status && server.statusSince !== before.get(id)!.statusSince;
    };
    await until(`${server.name} is ${facts.status} in the API`, isTold, TOLD_DEADLINE_MS);
    expect(server).toMatchObject(facts);
    const since = Date.parse(server.statusSince!);
    expect([server.name, since > awayFrom && since < awayTo]).toEqual([server.name, true]);
    if (facts.status !== "running") continue;
    const startedAt = Date.parse(server.startedAt!);
    expect([server.name, startedAt > awayFrom && startedAt < awayTo]).toEqual([server.name, true]);
  }
  expect(await view(untouched)).toEqual(before.get(untouched));

  const client = new pg.Client({ connectionString: panel.ready.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query("select server_id, state from server_observed");
    for (const { server_id, state } of rows)
      expect([server_id, state]).toEqual([server_id, await localState(server_id)]);
    const total = [...crashes.values()].flat().length;
    const { rows: counts } = await client.query(
      "select (select count(*)::int from server_crashes) as crashes, (select count(*)::int from audit_log where action = 'server.crashed') as lines",
    );
    expect(counts).toEqual([{ crashes: total, lines: total }]);
  } finally {
    await client.end();
  }
});
