import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { crashEntry, stateEvent, viewerIdentity } from "../testing/frames.ts";
import { hub, readyAgent } from "../testing/hub.ts";
import { connect } from "../testing/test-socket.ts";
import { CRASHES_OF_SERVER } from "./flood-limits.ts";

interface Query {
  query: string;
  params: unknown[];
}

/** What arrived at the database, one batch each. */
let batches: Query[][];
/** Answers a batch; throws for a database that cannot be reached. */
let answer: () => Response;

/** Stands in for Neon's HTTP endpoint, which the real driver speaks with. */
beforeEach(async () => {
  batches = [];
  answer = () => {
    const results = batches
      .at(-1)!
      .map(() => ({ command: "INSERT", rowCount: 1, rowAsArray: true, rows: [], fields: [] }));
    return Response.json({ results });
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
    const { queries } = JSON.parse(String(init?.body)) as { queries: Query[] };
    batches.push(queries);
    return answer();
  });
  await runInDurableObject(hub(), (instance) => {
    const { env } = instance as unknown as { env: { DATABASE_URL: string } };
    env.DATABASE_URL = "postgres://hub:secret@db.example.com/catalyst";
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

/** Lets the outbox's alarm be due now, and runs it. */
async function drain(): Promise<void> {
  await runInDurableObject(hub(), (_, state) => {
    state.storage.sql.exec("UPDATE outbox SET due_at = 0");
  });
  await vi.waitFor(async () => {
    await runDurableObjectAlarm(hub());
    const dueAt = await runInDurableObject(hub(), (_, state) =>
      state.storage.sql.exec<{ due_at: number }>("SELECT due_at FROM alarms WHERE name = 'outbox'").toArray(),
    );
    expect(dueAt[0]?.due_at ?? Number.POSITIVE_INFINITY).toBeGreaterThan(Date.now() + 200);
  });
}

const depth = async () => (await hub().status()).outboxDepth;

describe("the outbox's alarm", () => {
  it("brings events and presence to Postgres in one batch", async () => {
    const agent = await readyAgent();
    agent.send(stateEvent(1, { state: "crashed" }));
    await agent.take("event_ack");
    await drain();
    expect(await depth()).toBe(0);
    const queries = batches.flat().map(({ query }) => query);
    expect(queries.filter((query) => query.includes("server_observed"))).toHaveLength(1);
    expect(queries.filter((query) => query.includes('"nodes"'))).toHaveLength(1);
    expect(JSON.stringify(batches)).toContain("crashed");
  });

  it("brings every crash to Postgres once, in order, and nothing of its text with the states", async () => {
    const agent = await readyAgent();
    const crash = ({ seq, serverId: _, ...rest }: ReturnType<typeof crashEntry>) =>
      stateEvent(seq, { state: "crashed", crash: rest });
    for (const seq of [1, 2, 3]) agent.send(crash(crashEntry(seq)));
    agent.send(crash(crashEntry(3)));
    for (let count = 0; count < 4; count += 1) await agent.take("event_ack");
    await drain();
    expect(await depth()).toBe(0);
    const told = batches.flat().filter(({ query }) => query.includes("insert into server_crashes"));
    const rows = told.flatMap(({ params }) => JSON.parse(String(params[0])) as { crash_id: string }[]);
    expect(rows.map((row) => row.crash_id)).toEqual(["crash-1", "crash-2", "crash-3"]);
    const states = batches.flat().filter(({ query }) => query.includes("server_observed"));
    expect(JSON.stringify(states)).not.toContain("panic 3");
  });

  it("keeps a server's crashes up to its allowance and counts the rest, also across a sleep", async () => {
    const agent = await readyAgent();
    const { burst } = CRASHES_OF_SERVER;
    const send = (from: number, to: number) => {
      for (let seq = from; seq <= to; seq += 1) {
        const { seq: _seq, serverId: _serverId, ...crash } = crashEntry(seq);
        agent.send(stateEvent(seq, { state: "crashed", crash }));
      }
      return agent.until(() => agent.frames.some((frame) => frame.type === "event_ack" && frame.seq === to), "the ack");
    };
    await send(1, burst + 10);
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    await send(burst + 11, burst + 15);
    const rows = await runInDurableObject(hub(), (_, state) =>
      state.storage.sql.exec<{ key: string; json: string }>("SELECT key, json FROM outbox").toArray(),
    );
    const waiting = rows.filter(({ key }) => key.startsWith("omitted "));
    expect(waiting.map(({ json }) => JSON.parse(json))).toMatchObject([{ serverId: "survival", count: 15 }]);
    await drain();
    const told = batches.flat().filter(({ query }) => query.includes("insert into server_crashes"));
    expect(told.flatMap(({ params }) => JSON.parse(String(params[0])) as unknown[])).toHaveLength(burst);
  });

  it("keeps what a failing Postgres did not take, and tries again later", async () => {
    answer = () => {
      throw new TypeError("connection refused");
    };
    const agent = await readyAgent();
    agent.send(stateEvent(1));
    await agent.take("event_ack");
    await drain();
    expect(batches.length).toBeGreaterThan(0);
    expect(await depth()).toBe(2);
    answer = () => Response.json({ results: batches.at(-1)!.map(() => ({ rows: [], fields: [], rowAsArray: true })) });
    await runInDurableObject(hub(), (_, state) => {
      state.storage.sql.exec("UPDATE alarms SET due_at = 0");
    });
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(hub());
      expect(await depth()).toBe(0);
    }, 10_000);
  });

  it("is the only place where Postgres is spoken with", async () => {
    const agent = await readyAgent();
    await drain();
    batches = [];
    const viewer = await connect(hub(), viewerIdentity());
    viewer.send({ type: "console_input", serverId: "survival", data: "say hi" });
    await agent.take("request");
    await hub().setSpecGeneration(9);
    await hub().revoke({ userId: "user-1" }, 4401, "signed out");
    await agent.take("spec_changed");
    expect(batches).toEqual([]);
  });
});
