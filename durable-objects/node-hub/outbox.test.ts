import { beforeEach, describe, expect, it } from "vitest";
import { crashEntry, stateEvent } from "../testing/frames.ts";
import type { NodePresence } from "./effects.ts";
import { CRASHES_OF_NODE, CRASHES_OF_SERVER, DRAIN_RULES, OMITTED_TOLD_AFTER_MS } from "./flood-limits.ts";
import { DRAIN_DELAY_MS, Outbox, type OutboxBatch, type OutboxEntry, type OutboxStore } from "./outbox.ts";
import type { Bucket } from "./token-bucket.ts";

class MemoryStore implements OutboxStore {
  readonly #allowances = new Map<string, Bucket>();
  allowance = (key: string) => this.#allowances.get(key) ?? null;
  setAllowance = (key: string, bucket: Bucket) => void this.#allowances.set(key, bucket);
  waiting = (key: string) => this.rows.find((row) => row.key === key) ?? null;
  rows: (OutboxEntry & { dueAt: number })[] = [];
  #failures = 0;
  #id = 0;
  put(key: string, dueAt: number, json: string): void {
    this.#id += 1;
    this.rows = [...this.rows.filter((row) => row.key !== key), { id: this.#id, key, json, dueAt }];
  }
  due = (now: number, limit: number) => this.rows.filter(({ dueAt }) => dueAt <= now).slice(0, limit);
  remove(entries: readonly OutboxEntry[]): void {
    this.rows = this.rows.filter((row) => !entries.some(({ id }) => id === row.id));
  }
  nextDueAt = () => (this.rows.length > 0 ? Math.min(...this.rows.map(({ dueAt }) => dueAt)) : null);
  depth = () => this.rows.length;
  failures = () => this.#failures;
  setFailures(count: number): void {
    this.#failures = count;
  }
}

const presence: NodePresence = {
  nodeId: "node-1",
  isOnline: true,
  epoch: 5,
  seenAt: 1,
  agentVersion: "0.1.0",
  runtime: "process",
};

const HOUR_MS = 3_600_000;

let store: MemoryStore;
let written: OutboxBatch[];
/** What the database does with a batch; throwing "data" is a refusal of its values. */
let database: (batch: OutboxBatch) => void;
let outbox: Outbox;
let now: number;

const drain = () => outbox.drain("node-1", () => now);
const seqs = () => written.flatMap(({ states }) => states.map(({ seq }) => seq));

beforeEach(() => {
  store = new MemoryStore();
  written = [];
  now = 1_000_000;
  database = () => {};
  outbox = new Outbox(
    store,
    {
      write: async (batch) => {
        database(batch);
        written.push(batch);
      },
    },
    (error) => (error === "data" ? "data" : "unavailable"),
    () => 1,
  );
});

describe("the outbox", () => {
  it("writes together what came together, a moment later", async () => {
    outbox.addState(stateEvent(1, { serverId: "a" }), now);
    outbox.addState(stateEvent(2, { serverId: "b" }), now);
    outbox.addPresence(presence, 0, now);
    expect(outbox.wantsDrainAt()).toBe(now + DRAIN_DELAY_MS);
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBeNull();
    expect(written).toMatchObject([{ nodeId: "node-1", presence: { epoch: 5 }, states: [{ seq: 1 }, { seq: 2 }] }]);
    expect(store.depth()).toBe(0);
  });

  it("keeps everything while Postgres is away, for an hour, and then writes it in order", async () => {
    database = () => {
      throw new Error("connection refused");
    };
    for (let seq = 1; seq <= 500; seq += 1) outbox.addState(stateEvent(seq, { serverId: `s-${seq}` }), now);
    const end = now + 3_600_000;
    let attempts = 0;
    now += DRAIN_DELAY_MS;
    while (now < end) {
      now = (await drain())!;
      attempts += 1;
    }
    expect(attempts).toBeLessThan(80);
    database = () => {};
    expect(await drain()).toBeNull();
    expect(seqs()).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  });

  it("waits longer with each failure up to a minute, and starts over after a success", async () => {
    database = () => {
      throw new Error("away");
    };
    outbox.addState(stateEvent(1), now);
    now += DRAIN_DELAY_MS;
    const waits: number[] = [];
    for (let count = 0; count < 8; count += 1) waits.push((await drain())! - now);
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(outbox.wantsDrainAt()).toBeNull();
    database = () => {};
    await drain();
    database = () => {
      throw new Error("away");
    };
    outbox.addState(stateEvent(2), now);
    now += DRAIN_DELAY_MS;
    expect((await drain())! - now).toBe(1_000);
  });

  it("keeps the newest of each server only", async () => {
    outbox.addState(stateEvent(1), now);
    outbox.addState(stateEvent(2), now);
    now += DRAIN_DELAY_MS;
    await drain();
    expect(seqs()).toEqual([2]);
  });

  it("keeps every crash, though of the states only the newest, and writes them once and in order", async () => {
    let isAway = true;
    database = () => {
      if (isAway) throw new Error("away");
    };
    for (let seq = 1; seq <= 450; seq += 1) {
      outbox.addCrash({ ...crashEntry(seq), serverId: `s-${seq % 3}` }, now);
      outbox.addState(stateEvent(seq, { state: "crashed" }), now);
    }
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBeGreaterThan(now);
    isAway = false;
    expect(await drain()).toBeNull();
    expect(written.flatMap(({ crashes }) => crashes.map(({ seq }) => seq))).toEqual(
      Array.from({ length: 450 }, (_, index) => index + 1),
    );
    expect(seqs()).toEqual([450]);
  });

  it("writes no more text in one batch than the database takes", async () => {
    const lastLines = "\u0001".repeat(8_000);
    for (let seq = 1; seq <= 40; seq += 1) outbox.addCrash({ ...crashEntry(seq), lastLines }, now);
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBeNull();
    const sizes = written.map((batch) => JSON.stringify(batch).length);
    expect(Math.max(...sizes)).toBeLessThan(600_000);
    expect(written.flatMap(({ crashes }) => crashes)).toHaveLength(40);
  });

  it("does not lose an event that comes while its predecessor is being written", async () => {
    database = () => {
      if (written.length === 0) outbox.addState(stateEvent(2), now);
    };
    outbox.addState(stateEvent(1), now);
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBe(now + DRAIN_DELAY_MS);
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBeNull();
    expect(seqs()).toEqual([1, 2]);
  });

  it("gives up only the entry that Postgres refuses", async () => {
    database = ({ states }) => {
      if (states.some(({ seq }) => seq === 3)) throw "data";
    };
    for (let seq = 1; seq <= 5; seq += 1) outbox.addState(stateEvent(seq, { serverId: `s-${seq}` }), now);
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBeNull();
    expect(seqs()).toEqual([1, 2, 4, 5]);
    expect(outbox.refused).toBe(1);
  });

  it("tells that a node went only after its grace, and not when it came back meanwhile", async () => {
    outbox.addPresence({ ...presence, isOnline: false }, 20_000, now);
    now += DRAIN_DELAY_MS;
    expect(await drain()).toBe(now - DRAIN_DELAY_MS + 20_000);
    outbox.addPresence({ ...presence, epoch: 6 }, 0, now);
    now += 20_000;
    await drain();
    expect(written.map((batch) => batch.presence)).toMatchObject([{ isOnline: true, epoch: 6 }]);
  });
});

/** Drains for so long, with `each` called before every step. */
async function pass(forMs: number, stepMs: number, each: () => void = () => {}): Promise<void> {
  for (const end = now + forMs; now < end; now += stepMs) {
    each();
    await drain();
  }
}
const crashesTold = () => written.flatMap(({ crashes }) => crashes);
const omittedTold = () => written.flatMap(({ omitted }) => omitted);

describe("a node that tells more than an honest one could", () => {
  it("has each of its server's crashes written up to the allowance, and the rest counted and told", async () => {
    let seq = 0;
    // A thousand crashes of each of two servers within a minute.
    await pass(60_000, 600, () => {
      for (let count = 0; count < 10; count += 1) {
        for (const serverId of ["a", "b"]) outbox.addCrash({ ...crashEntry(++seq), serverId }, now);
      }
    });
    await pass(OMITTED_TOLD_AFTER_MS + 1_000, 1_000);
    for (const serverId of ["a", "b"]) {
      const one = crashesTold().filter((crash) => crash.serverId === serverId).length;
      const rest = omittedTold().filter((omitted) => omitted.serverId === serverId);
      expect(one).toBe(CRASHES_OF_SERVER.burst);
      expect(one + rest.reduce((sum, { count }) => sum + count, 0), "none is lost without being counted").toBe(1_000);
      expect(rest).toHaveLength(1);
    }
    expect(store.depth()).toBe(0);
  });

  it("cannot pass the node's allowance by making up servers", async () => {
    for (let seq = 1; seq <= 7_000; seq += 1) outbox.addCrash({ ...crashEntry(seq), serverId: `made-up-${seq}` }, now);
    now += DRAIN_DELAY_MS;
    await drain();
    expect(crashesTold()).toHaveLength(CRASHES_OF_NODE.burst);
  });

  it("is written to Postgres at most twice a second, and its newest state within seconds", async () => {
    let seq = 0;
    await pass(10 * 60_000, 50, () => outbox.addState(stateEvent(++seq), now));
    await pass(5_000, 50);
    expect(written.length).toBeLessThanOrEqual(DRAIN_RULES.burst + 2 * 605);
    expect(written.length).toBeGreaterThan(250);
    expect(seqs().at(-1)).toBe(seq);
  });
});

it("an honest hour alone passes whole: a server in a crash loop that is restarted every minute, 40 times over", async () => {
  let seq = 0;
  for (let crash = 0; crash < 70; crash += 1) {
    for (let server = 0; server < 40; server += 1) {
      outbox.addCrash({ ...crashEntry(++seq), serverId: `s-${server}` }, now);
    }
  }
  await pass(HOUR_MS, 60_000);
  expect(crashesTold().map((crash) => crash.seq)).toEqual(Array.from({ length: seq }, (_, index) => index + 1));
  expect(omittedTold()).toEqual([]);
});

it("a crash loop that goes on for a day is written down crash by crash", async () => {
  let seq = 0;
  await pass(24 * HOUR_MS, 60_000, () => outbox.addCrash(crashEntry(++seq), now));
  expect(crashesTold()).toHaveLength(seq - 1);
  expect(omittedTold()).toEqual([]);
});
