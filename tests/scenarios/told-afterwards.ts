/**
 * The control plane is away: its process hears nothing, takes nothing, and is then lost with what was in its sockets.
 * What became of the servers meanwhile is in Postgres afterwards: once, in order, with the times at which it happened.
 */
import { join } from "node:path";
import pg from "pg";
import { expect } from "vitest";
import { writeConsoleInput } from "../../agent/console/console-input.ts";
import { serverPaths } from "../../agent/console/server-paths.ts";
import type { AuditEntry } from "../../protocol/api/audit.ts";
import type { ServerCrash, ServerDetail } from "../../protocol/api/servers.ts";
import type { Panel } from "../world/panel.ts";
import { until } from "../world/until.ts";

/** Of the agent's journal to Postgres, and from one state to the next on its node; on a busy machine. */
const TOLD_DEADLINE_MS = 60_000;
/** From a game's end to the crash that is noted of it. */
const NOTED_WITHIN_MS = 10_000;
/** The kernel's ticks, in which the end of a process may be told, and one to spare. */
const CLOCK_TICKS_MS = 20;
const OUT_OF_MEMORY = 137;

export interface Games {
  /** For a server that exits with the code N when it is told `exit N`. */
  echo: Record<string, unknown>;
  /** For one that takes memory without end when it is told anything; only where limits are enforced. */
  greedy?: Record<string, unknown>;
}

interface Ended {
  exitCode: number;
  from: number;
  to: number;
}

/** The servers of a node as it knows them itself; the control plane is not asked. */
class LocalNode {
  readonly #panel: Panel;
  readonly #dataDir: string;

  constructor(panel: Panel) {
    this.#panel = panel;
    this.#dataDir = join(panel.ready.dataDir, "nodes", panel.nodeId, "data");
  }

  async state(id: string): Promise<string | undefined> {
    const { servers } = await this.#panel.agentStats();
    return servers.find(({ serverId }) => serverId === id)?.state;
  }

  inState(id: string, state: string): Promise<void> {
    return until(`${id} is ${state} on its node`, async () => (await this.state(id)) === state, TOLD_DEADLINE_MS);
  }

  /** Lets a game end by what it is told, and waits for what its node makes of it. */
  async end(id: string, { line, exitCode }: { line: string; exitCode: number }, then: string[]): Promise<Ended> {
    const from = Date.now();
    await writeConsoleInput(serverPaths(this.#dataDir, id), line);
    await until(`${id} ended`, async () => (await this.state(id)) !== "running", TOLD_DEADLINE_MS);
    const to = Date.now();
    for (const state of then) await this.inState(id, state);
    return { exitCode, from, to };
  }
}

/** Whether the crash list and the activity of a server tell its ends once, in order, with the times of the node. */
async function expectTold(panel: Panel, id: string, ended: readonly Ended[], awayTo: number): Promise<void> {
  let told: ServerCrash[] = [];
  await until(
    `the crashes of ${id} are told`,
    async () => {
      told = (await panel.must<ServerCrash[]>("GET", `/api/servers/${id}/crashes`)).reverse();
      return told.length >= ended.length;
    },
    TOLD_DEADLINE_MS,
  );
  expect(told.map(({ exitCode, crashCount, oomKilled }) => [exitCode, crashCount, oomKilled])).toEqual(
    ended.map(({ exitCode }, at) => [exitCode, at + 1, exitCode === OUT_OF_MEMORY]),
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

/** Whether Postgres holds the node's own states, and as many crashes as there were. */
async function expectRows(panel: Panel, node: LocalNode, crashes: number): Promise<void> {
  const client = new pg.Client({ connectionString: panel.ready.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query("select server_id, state from server_observed");
    for (const { server_id, state } of rows)
      expect([server_id, state]).toEqual([server_id, await node.state(server_id)]);
    const { rows: counts } = await client.query(
      "select (select count(*)::int from server_crashes) as crashes, (select count(*)::int from audit_log where action = 'server.crashed') as lines",
    );
    expect(counts).toEqual([{ crashes, lines: crashes }]);
  } finally {
    await client.end();
  }
}

/** To be run on a panel without any other server. */
export async function toldAfterwards(panel: Panel, games: Games): Promise<void> {
  const node = new LocalNode(panel);
  const view = (id: string) => panel.must<ServerDetail>("GET", `/api/servers/${id}`);
  const running = async (name: string, policy: Record<string, unknown>, body = games.echo): Promise<string> => {
    const id = await panel.createServer({ name, ...body });
    await panel.must("PATCH", `/api/servers/${id}/restart-policy`, policy);
    await panel.startServer(id);
    return id;
  };
  const restarted = await Promise.all(
    [1, 2, 3].map((n) => running(`restarted ${n}`, { policy: "on-failure", maxCrashes: 10 })),
  );
  const givenUp = await running("given up", { policy: "on-failure", maxCrashes: 2 });
  const left = await running("left", { policy: "never" });
  const done = await running("done", { policy: "on-failure" });
  const kept = await running("kept", { policy: "always" });
  const untouched = await running("untouched", { policy: "on-failure" });
  const greedy = games.greedy ? [await running("greedy", { policy: "on-failure" }, games.greedy)] : [];
  const before = new Map<string, ServerDetail>();
  for (const id of [...restarted, givenUp, left, done, kept, untouched, ...greedy]) before.set(id, await view(id));

  const awayFrom = Date.now();
  const worker = panel.workerPid();
  process.kill(worker, "SIGSTOP");
  const crashes = new Map<string, Ended[]>();
  const crash = async (id: string, exitCode: number, ...then: string[]) => {
    const ended = await node.end(id, { line: `exit ${exitCode}`, exitCode }, then);
    crashes.set(id, [...(crashes.get(id) ?? []), ended]);
  };
  const bounce = (exitCode: number) => Promise.all(restarted.map((id, n) => crash(id, exitCode + n, "running")));

  await Promise.all([
    bounce(10),
    crash(givenUp, 20, "running"),
    crash(left, 30, "crashed"),
    // Its limit holds, and it is started again.
    ...greedy.map((id) => crash(id, OUT_OF_MEMORY, "running")),
  ]);
  await panel.killAgent();
  await until("the next agent knows its servers", async () => (await node.state(untouched)) === "running");
  await Promise.all([
    bounce(40),
    crash(givenUp, 50, "crashed"),
    node.end(done, { line: "exit 0", exitCode: 0 }, ["stopped"]),
    // Its node starts it again at once.
    node.end(kept, { line: "exit 0", exitCode: 0 }, ["running"]),
  ]);
  await bounce(60);
  const awayTo = Date.now();

  process.kill(worker, "SIGKILL");
  await until("the edge is started again", () => ![0, worker].includes(panel.workerPid()));
  await until("the edge answers", async () => (await fetch(`${panel.url}/health`)).ok);
  await panel.waitForNode();

  for (const [id, ended] of crashes) await expectTold(panel, id, ended, awayTo);

  const expected = [
    ...restarted.map((id) => [id, { status: "running", crashCount: 3, exitCode: expect.any(Number) }] as const),
    [givenUp, { status: "crashed", crashCount: 2, exitCode: 50, restartAt: null }] as const,
    [left, { status: "crashed", crashCount: 1, exitCode: 30, restartAt: null }] as const,
    [done, { status: "stopped", crashCount: 0, exitCode: 0, restartAt: null }] as const,
    [kept, { status: "running", crashCount: 0 }] as const,
    ...greedy.map((id) => [id, { status: "running", crashCount: 1 }] as const),
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

  await expectRows(panel, node, [...crashes.values()].flat().length);
}
