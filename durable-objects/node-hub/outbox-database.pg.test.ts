import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CRASHES_KEPT_MAX } from "../../protocol/limits.ts";
import { createTestDatabase, type TestDatabase } from "../../worker/db/test-database.ts";
import { crashEntry, stateEvent } from "../testing/frames.ts";
import type { NodePresence } from "./effects.ts";
import type { OutboxDatabase } from "./outbox.ts";
import { outboxDatabase, writeFault } from "./outbox-database.ts";

let postgres: TestDatabase;
let database: OutboxDatabase;

beforeAll(async () => {
  postgres = await createTestDatabase();
  database = outboxDatabase(postgres.env);
});

afterAll(async () => {
  await postgres?.close();
});

beforeEach(async () => {
  for (const table of ["servers", "nodes", "locations", "templates", "users"])
    await postgres.query(`delete from ${table}`);
  await postgres.query("insert into locations (id, name) values ('l', 'L')");
  await postgres.query("insert into users (id, email, username, password_hash) values ('u', 'u@example.com', 'u', '')");
  await addNode("node-1");
  await addNode("node-2");
  await addTemplate();
  await addServer("survival", "node-1");
  await addServer("creative", "node-1");
  await addServer("foreign", "node-2");
});

async function addNode(id: string): Promise<void> {
  await postgres.query(
    `insert into nodes (id, name, location_id, hostname, public_address, max_memory_mb, max_cpu_cores, max_disk_mb)
     values ($1, $1, 'l', 'h', 'a', 1000, 4, 1000)`,
    [id],
  );
}

async function addTemplate(): Promise<void> {
  const columns = await postgres.query<{ column_name: string; data_type: string }>(
    `select column_name, data_type from information_schema.columns
     where table_name = 'templates' and is_nullable = 'NO' and column_default is null`,
  );
  const names = columns.map(({ column_name }) => column_name);
  const values = columns.map(({ column_name, data_type }) =>
    column_name === "id" ? "t" : data_type === "jsonb" ? "{}" : /int/.test(data_type) ? "1" : "t",
  );
  await postgres.query(
    `insert into templates (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")})`,
    values,
  );
}

async function addServer(id: string, nodeId: string): Promise<void> {
  await postgres.query(
    `insert into servers (id, name, owner_id, node_id, template_id, template_revision, template_snapshot, image, startup,
       environment, memory_mb, cpu_cores, disk_mb, desired_power_at)
     values ($1, $1, 'u', $2, 't', 1, '{}', 'i', 's', '{}', 100, 1, 100, 5000)`,
    [id, nodeId],
  );
}

const write = (...states: ReturnType<typeof stateEvent>[]) =>
  database.write({ nodeId: "node-1", states, crashes: [], omitted: [], presence: null });

async function observed(id: string): Promise<Record<string, unknown> | undefined> {
  return (await postgres.query<Record<string, unknown>>("select * from server_observed where server_id = $1", [id]))[0];
}

async function server(id: string): Promise<Record<string, unknown>> {
  return (await postgres.query<Record<string, unknown>>("select * from servers where id = $1", [id]))[0]!;
}

describe("state events", () => {
  it("are written with every field", async () => {
    await write(
      stateEvent(7, {
        state: "crashed",
        reason: "exited with code 42",
        exitCode: 42,
        signal: "SIGSEGV",
        oomKilled: true,
        crashCount: 3,
        startedAt: 1_795_513_200_123,
        restartAt: 1_795_513_264_456,
        timestamp: 1_795_513_260_456,
        installedGeneration: 2,
        pendingRestart: [{ field: "image" }, { field: "swapMb", reason: "in\u0000use" }],
        runSpecVersion: 5,
      }),
    );
    expect(await observed("survival")).toEqual({
      server_id: "survival",
      state: "crashed",
      reason: "exited with code 42",
      exit_code: 42,
      signal: "SIGSEGV",
      oom_killed: true,
      crash_count: 3,
      started_at: new Date(1_795_513_200_123),
      restart_at: new Date(1_795_513_264_456),
      observed_at: new Date(1_795_513_260_456),
      installed_generation: 2,
      pending_restart: [{ field: "image" }, { field: "swapMb", reason: "in\uFFFDuse" }],
      run_spec_version: "5",
      seq: "7",
    });
  });

  it("are overwritten by newer ones alone", async () => {
    await write(stateEvent(7, { state: "running" }));
    await write(stateEvent(8, { state: "stopping" }), stateEvent(9, { serverId: "creative", state: "running" }));
    await write(stateEvent(7, { state: "running" }));
    await write(stateEvent(8, { state: "error" }));
    expect(await observed("survival")).toMatchObject({ state: "stopping", seq: "8" });
    expect(await observed("creative")).toMatchObject({ state: "running" });
  });

  it("of a server that was deleted, or never was, are passed over and hold up nothing", async () => {
    await postgres.query("delete from servers where id = 'survival'");
    await write(stateEvent(1), stateEvent(2, { serverId: "no-such" }), stateEvent(3, { serverId: "creative" }));
    expect(await observed("survival")).toBeUndefined();
    expect(await observed("creative")).toMatchObject({ seq: "3" });
  });

  it("of another node's server change nothing", async () => {
    await write(stateEvent(1, { serverId: "foreign", desiredPower: "running", desiredPowerAt: 9_000 }));
    expect(await observed("foreign")).toBeUndefined();
    expect(await server("foreign")).toMatchObject({ desired_power: "stopped", desired_power_at: "5000" });
  });

  it("with values that no column holds are stored as near as can be", async () => {
    const far = Number.MAX_SAFE_INTEGER;
    await write(
      stateEvent(far, {
        reason: "nul \u0000, half a pair \uD83D",
        exitCode: far,
        crashCount: far,
        installedGeneration: far,
        startedAt: far,
        timestamp: far,
        desiredPowerAt: far,
      }),
    );
    expect(await observed("survival")).toMatchObject({
      reason: "nul \uFFFD, half a pair \uFFFD",
      exit_code: 2 ** 31 - 1,
      crash_count: 2 ** 31 - 1,
      seq: String(far),
    });
    const latest = Number((await server("survival")).desired_power_at);
    expect(latest).toBeLessThanOrEqual(Date.now() + 6 * 60_000);
  });
});

describe("desired power", () => {
  it("follows the later request, whoever writes it down first", async () => {
    await write(stateEvent(1, { desiredPower: "running", desiredPowerAt: 4_999 }));
    expect(await server("survival")).toMatchObject({ desired_power: "stopped", desired_power_at: "5000" });
    await write(stateEvent(2, { desiredPower: "running", desiredPowerAt: 5_001 }));
    expect(await server("survival")).toMatchObject({ desired_power: "running", desired_power_at: "5001" });
  });
});

describe("a game's own end with code 0", () => {
  const ended = (change = {}) =>
    stateEvent(2, { state: "stopped", exitCode: 0, desiredPower: "stopped", desiredPowerAt: 5_001, ...change });
  const told = () => postgres.query("select server_id, details, at from audit_log where action = 'server.ended'");
  beforeEach(async () => {
    await postgres.query("delete from audit_log");
    await postgres.query("update servers set desired_power = 'running'");
  });

  it("has a line in the activity, once however often it is written", async () => {
    await write(ended());
    await write(ended());
    const at = new Date(ended().timestamp);
    expect(await told()).toEqual([{ server_id: "survival", details: { exitCode: 0 }, at }]);
    expect(await server("survival")).toMatchObject({ desired_power: "stopped", desired_power_at: "5001" });
  });

  it.each([
    ["a stop that somebody asked for", { desiredPowerAt: 6_000 }],
    ["a crash", { state: "crashed" as const, exitCode: 1 }],
    ["an end of which the code is not known", { exitCode: null }],
    ["a suspension", { state: "suspended" as const }],
    ["another node's server", { serverId: "foreign" }],
  ])("is not %s", async (_what, change) => {
    await write(ended(change));
    expect(await told()).toEqual([]);
  });

  it("is told once a minute at most, whatever the node claims", async () => {
    for (let end = 1; end < 20; end += 2) {
      await write(ended({ seq: 10 + end, desiredPowerAt: 5_000 + end }));
      const again = { seq: 11 + end, desiredPowerAt: 5_001 + end };
      await write(ended({ ...again, state: "running", exitCode: null, desiredPower: "running" }));
    }
    expect((await told()).length).toBeLessThanOrEqual(2);
  });
});

describe("crashes", () => {
  const writeCrashes = (...crashes: ReturnType<typeof crashEntry>[]) =>
    database.write({ nodeId: "node-1", states: [], crashes, omitted: [], presence: null });
  const rows = (serverId = "survival") =>
    postgres.query<Record<string, unknown>>("select * from server_crashes where server_id = $1 order by id", [
      serverId,
    ]);
  const entries = () =>
    postgres.query<Record<string, unknown>>("select * from audit_log where action = 'server.crashed' order by at");
  beforeEach(() => postgres.query("delete from audit_log"));

  it("are written with every field, and told in the activity log without console text", async () => {
    await writeCrashes(
      crashEntry(3, { exitCode: 139, signal: "SIGSEGV", restartAt: 1_795_513_264_000, lastLines: "secret \u0000 end" }),
    );
    const [row] = await rows();
    expect(row).toMatchObject({
      crash_id: "crash-3",
      crashed_at: new Date(1_795_513_260_003),
      exit_code: 139,
      signal: "SIGSEGV",
      oom_killed: false,
      run_time_ms: "60000",
      crash_count: 3,
      restart_at: new Date(1_795_513_264_000),
      last_lines: "secret \uFFFD end",
    });
    const [entry] = await entries();
    expect(entry).toMatchObject({
      actor_id: null,
      target_type: "server",
      target_id: "survival",
      server_id: "survival",
      at: new Date(1_795_513_260_003),
      details: {
        exitCode: 139,
        signal: "SIGSEGV",
        oomKilled: false,
        runTimeMs: 60_000,
        crashCount: 3,
        isRestarted: true,
      },
    });
    expect(JSON.stringify(entry)).not.toContain("secret");
  });

  it("are kept once however often they are written, and in the order of their events", async () => {
    await writeCrashes(crashEntry(2, { at: 9_000 }), crashEntry(1, { at: 9_500 }), crashEntry(2, { at: 9_000 }));
    await writeCrashes(crashEntry(2, { at: 9_000 }), crashEntry(3, { at: 1_000 }));
    expect((await rows()).map((row) => row.crash_id)).toEqual(["crash-1", "crash-2", "crash-3"]);
    expect(await entries()).toHaveLength(3);
  });

  it("of servers that are gone or another node's are passed over and hold up nothing", async () => {
    await writeCrashes(
      crashEntry(1, { serverId: "no-such" }),
      crashEntry(2, { serverId: "foreign" }),
      crashEntry(3, { serverId: "creative" }),
    );
    expect(await rows("foreign")).toEqual([]);
    expect(await rows("creative")).toHaveLength(1);
    expect((await entries()).map((entry) => entry.server_id)).toEqual(["creative"]);
  });

  it("are kept up to a number a server, the newest", async () => {
    const numbers = Array.from({ length: CRASHES_KEPT_MAX + 20 }, (_, index) => index + 1);
    await writeCrashes(crashEntry(900, { serverId: "creative" }));
    await writeCrashes(...numbers.slice(0, 70).map((seq) => crashEntry(seq)));
    await writeCrashes(...numbers.slice(70).map((seq) => crashEntry(seq)));
    expect((await rows()).map((row) => row.crash_id)).toEqual(numbers.slice(20).map((seq) => `crash-${seq}`));
    expect(await rows("creative")).toHaveLength(1);
  });

  it("with values that no column holds are stored as near as can be", async () => {
    const far = Number.MAX_SAFE_INTEGER;
    await writeCrashes(crashEntry(1, { at: far, exitCode: far, runTimeMs: far, crashCount: far, restartAt: far }));
    const [row] = await rows();
    expect(row).toMatchObject({ exit_code: 2 ** 31 - 1, run_time_ms: String(far) });
    expect((row!.crashed_at as Date).getTime()).toBeLessThanOrEqual(Date.now() + 6 * 60_000);
  });
});

describe("presence", () => {
  const presence = (epoch: number, isOnline: boolean): NodePresence => ({
    nodeId: "node-1",
    isOnline,
    epoch,
    seenAt: 1_795_513_260_000,
    agentVersion: "0.1.0",
    runtime: "process",
  });
  const node = async () =>
    (await postgres.query<Record<string, unknown>>("select * from nodes where id = 'node-1'"))[0];

  it("is written for the node alone", async () => {
    await database.write({ nodeId: "node-1", states: [], crashes: [], omitted: [], presence: presence(5, true) });
    expect(await node()).toMatchObject({
      is_online: true,
      online_epoch: "5",
      last_seen_at: new Date(1_795_513_260_000),
      agent_version: "0.1.0",
      runtime: "process",
    });
    expect(await postgres.query("select 1 from nodes where is_online")).toHaveLength(1);
  });

  it("of an older connection does not overwrite a newer one's", async () => {
    await database.write({ nodeId: "node-1", states: [], crashes: [], omitted: [], presence: presence(6, true) });
    await database.write({ nodeId: "node-1", states: [], crashes: [], omitted: [], presence: presence(5, false) });
    expect(await node()).toMatchObject({ is_online: true, online_epoch: "6" });
    await database.write({ nodeId: "node-1", states: [], crashes: [], omitted: [], presence: presence(6, false) });
    expect(await node()).toMatchObject({ is_online: false, online_epoch: "6" });
  });
});

describe("failures", () => {
  it("of the values are told apart from those of the database", async () => {
    const bad = stateEvent(1, { timestamp: Number.NaN });
    const dataFault = await write(bad).catch((error: unknown) => error);
    expect(writeFault(dataFault)).toBe("data");
    const away = outboxDatabase({ ...postgres.env, DATABASE_URL: "postgres://nobody:wrong@localhost/none" });
    const unavailable = await away
      .write({ nodeId: "node-1", states: [stateEvent(1)], crashes: [], omitted: [], presence: null })
      .catch((error: unknown) => error);
    expect(unavailable).toBeInstanceOf(Error);
    expect(writeFault(unavailable)).toBe("unavailable");
  });

  it("leave nothing half written", async () => {
    const presence: NodePresence = {
      nodeId: "node-1",
      isOnline: true,
      epoch: Number.NaN,
      seenAt: 1,
      agentVersion: null,
      runtime: null,
    };
    await expect(
      database.write({ nodeId: "node-1", states: [stateEvent(1)], crashes: [], omitted: [], presence }),
    ).rejects.toThrow();
    expect(await observed("survival")).toBeUndefined();
  });
});

describe("crashes that are told as a number", () => {
  const omitted = (serverId: string, count: number, since = 1_800_000_000_000) => ({
    ...{ serverId, count, since },
    until: since + 60_000,
  });
  const write = (...told: ReturnType<typeof omitted>[]) =>
    database.write({ nodeId: "node-1", states: [], crashes: [], omitted: told, presence: null });
  const lines = () =>
    postgres.query<{ server_id: string; details: { count: number } }>(
      "select server_id, details from audit_log where action = 'server.crashes_omitted' order by server_id, at",
    );

  it("have a line in the activity of their server, once however often it is written, and of the node's own alone", async () => {
    await postgres.query("delete from audit_log");
    await write(omitted("survival", 800), omitted("foreign", 5), omitted("no-such", 5));
    await write(omitted("survival", 800));
    await write(omitted("survival", 3, 1_800_000_700_000));
    expect((await lines()).map((line) => [line.server_id, line.details.count])).toEqual([
      ["survival", 800],
      ["survival", 3],
    ]);
  });
});
