import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ServerCrash, ServerDetail } from "../../../protocol/api/servers.ts";
import { type Person, World } from "../../testing/world.ts";

let world: World;
let owner: Person;
let nodeSecret: string;
let id: string;

beforeAll(async () => {
  world = await World.create();
  owner = await world.person("owner");
  await world.node();
  await world.template();
  nodeSecret = await world.nodeSecret();
});
afterAll(() => world.close());
beforeEach(async () => {
  id = await world.server(owner, { allocatedMemoryMb: 16, allocatedCpuCores: 0.05 });
});

const detail = () => world.must<ServerDetail>("GET", `/api/servers/${id}`, { as: owner });
const setPolicy = (body: unknown) => world.call("PATCH", `/api/servers/${id}/restart-policy`, { as: owner, body });
/** The server as its node is told of it. */
async function spec() {
  const { servers } = await world.spec(nodeSecret);
  return servers.find((server) => server.id === id)!;
}
const audit = async () =>
  (await world.query<{ action: string }>("select action from audit_log where server_id = $1 order by id", [id])).map(
    ({ action }) => action,
  );

describe("the restart policy", () => {
  it("is on-failure unless something else is asked for at creation", async () => {
    expect(await detail()).toMatchObject({
      restartPolicy: "on-failure",
      maxCrashes: 5,
      crashWindowSeconds: 600,
      crashCount: 0,
      restartAt: null,
    });
    id = await world.server(owner, { allocatedMemoryMb: 16, allocatedCpuCores: 0.05, restartPolicy: "never" });
    expect((await detail()).restartPolicy).toBe("never");
    expect((await spec()).restartPolicy).toBe("never");
  });

  it("is changed for the node too, and what is left out stays", async () => {
    const generations = world.hubs.of("node-1").generations.length;
    const before = await spec();
    expect((await setPolicy({ policy: "always", maxCrashes: 7, windowSeconds: 60 })).status).toBe(200);
    expect((await setPolicy({ policy: "on-failure" })).status).toBe(200);
    expect(await detail()).toMatchObject({ restartPolicy: "on-failure", maxCrashes: 7, crashWindowSeconds: 60 });
    expect(await spec()).toMatchObject({
      version: before.version + 2,
      restartPolicy: "on-failure",
      maxCrashes: 7,
      crashWindowSeconds: 60,
    });
    await world.until("the hub is told", () => world.hubs.of("node-1").generations.length >= generations + 2);
    expect(await audit()).toEqual(["server.create", "server.restart_policy", "server.restart_policy"]);
  });

  it.each<[string, unknown]>([
    ["no policy", { maxCrashes: 3 }],
    ["a policy that there is not", { policy: "sometimes" }],
    ["no crash at all", { policy: "always", maxCrashes: 0 }],
    ["too many crashes", { policy: "always", maxCrashes: 101 }],
    ["a window of no time", { policy: "always", windowSeconds: 0 }],
    ["a field that is not known", { policy: "always", surprise: 1 }],
  ])("refuses %s", async (_what, body) => {
    const answer = await setPolicy(body);
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION"]);
    expect(await audit()).toEqual(["server.create"]);
  });
});

describe("a reset of the crash count", () => {
  it("reaches the node as part of the spec, each time later than before", async () => {
    expect((await spec()).crashResetAt).toBe(0);
    await world.must("POST", `/api/servers/${id}/reset-crash-count`, { as: owner });
    const first = (await spec()).crashResetAt;
    world.clock.offsetMs = -3_600_000;
    await world.must("POST", `/api/servers/${id}/reset-crash-count`, { as: owner });
    world.clock.offsetMs = 0;
    expect((await spec()).crashResetAt).toBe(first + 1);
    expect(first).toBeGreaterThan(0);
    expect(await audit()).toContain("server.reset_crash_count");
  });
});

describe("the list of crashes", () => {
  beforeEach(async () => {
    await world.query(
      `insert into server_crashes (server_id, crash_id, crashed_at, exit_code, signal, oom_killed, run_time_ms,
         crash_count, restart_at, last_lines)
       select $1, 'c-' || n, '2026-11-24T10:00:00Z', case when n = 2 then null else n end, case when n = 3 then 'SIGSEGV' end,
         n = 1, 1000 * n, n, case when n < 3 then timestamptz '2026-11-24T10:00:04Z' end, 'line ' || n
       from generate_series(1, 3) n`,
      [id],
    );
  });
  const list = (query = "", as = owner) =>
    world.call<ServerCrash[]>("GET", `/api/servers/${id}/crashes${query}`, { as });

  it("tells the newest first, each as it ended, page by page", async () => {
    const first = await list("?limit=2");
    expect(first.data).toEqual([
      expect.objectContaining({
        at: "2026-11-24T10:00:00.000Z",
        exitCode: 3,
        signal: "SIGSEGV",
        oomKilled: false,
        runTimeMs: 3000,
        crashCount: 3,
        restartAt: null,
        lastLines: "line 3",
      }),
      expect.objectContaining({ exitCode: null, restartAt: "2026-11-24T10:00:04.000Z" }),
    ]);
    const rest = await list(`?limit=2&cursor=${first.body.page!.nextCursor}`);
    expect(rest.data).toEqual([expect.objectContaining({ exitCode: 1, oomKilled: true })]);
    expect(rest.body.page!.nextCursor).toBeNull();
    expect((await list("?cursor=nonsense")).status).toBe(400);
  });

  it("shows console text to those alone who may read the console", async () => {
    for (const [permissions, text] of [
      [["server.read"], null],
      [["server.read", "console.read"], "line 3"],
    ] as const) {
      const friend = await world.person(`friend-${crypto.randomUUID().slice(0, 8)}`, []);
      await world.query("insert into grants (server_id, user_id, permissions) values ($1, $2, $3)", [
        id,
        friend.id,
        permissions,
      ]);
      expect((await list("", friend)).data[0]!.lastLines).toBe(text);
    }
  });

  it("holds nothing of another server", async () => {
    const other = await world.server(owner, { allocatedMemoryMb: 16, allocatedCpuCores: 0.05 });
    expect(await world.must("GET", `/api/servers/${other}/crashes`, { as: owner })).toEqual([]);
  });
});
