import { beforeEach, describe, expect, it } from "vitest";
import { ALARM_RETRY_MS, AlarmScheduler, type AlarmStore } from "./alarm-scheduler.ts";

class MemoryStore implements AlarmStore {
  readonly rows = new Map<string, number>();
  armedAt: number | null = null;
  writes = 0;
  load = () => new Map(this.rows);
  put(name: string, dueAtMs: number): void {
    this.rows.set(name, dueAtMs);
    this.writes += 1;
  }
  remove(name: string): void {
    this.rows.delete(name);
  }
  arm(dueAtMs: number): void {
    this.armedAt = dueAtMs;
    this.writes += 1;
  }
}

let store: MemoryStore;
let alarms: AlarmScheduler;

beforeEach(() => {
  store = new MemoryStore();
  alarms = new AlarmScheduler(store);
});

/** Runs what is due and returns the names in order. */
async function run(nowMs: number, also: (name: string) => void = () => {}): Promise<string[]> {
  const called: string[] = [];
  store.armedAt = null; // The platform's alarm is used up when it fires.
  await alarms.run(nowMs, (name) => {
    called.push(name);
    also(name);
  });
  return called;
}

describe("named alarms over one", () => {
  it("arms the earliest", () => {
    alarms.schedule("b", 200);
    alarms.schedule("a", 100);
    alarms.schedule("c", 300);
    expect(store.armedAt).toBe(100);
  });

  it("calls what is due, earliest first, once, and arms the next", async () => {
    alarms.schedule("b", 200);
    alarms.schedule("a", 100);
    alarms.schedule("c", 300);
    expect(await run(250)).toEqual(["a", "b"]);
    expect(store.armedAt).toBe(300);
    expect(await run(250)).toEqual([]);
    expect(await run(300)).toEqual(["c"]);
    expect(store.armedAt).toBeNull();
  });

  it("writes nothing when the name is due early enough already", () => {
    alarms.schedule("a", 100);
    const before = store.writes;
    alarms.schedule("a", 100);
    alarms.schedule("a", 150);
    expect(store.writes).toBe(before);
    expect(alarms.dueAt("a")).toBe(100);
  });

  it("lets `reschedule` put off what was due", async () => {
    alarms.schedule("a", 100);
    alarms.reschedule("a", 500);
    expect(await run(100)).toEqual([]);
    expect(store.armedAt).toBe(500);
  });

  it("lets a handler schedule itself again", async () => {
    alarms.schedule("a", 100);
    expect(await run(100, () => alarms.schedule("a", 400))).toEqual(["a"]);
    expect(store.rows.get("a")).toBe(400);
    expect(await run(399)).toEqual([]);
    expect(await run(400)).toEqual(["a"]);
  });

  it("survives the loss of memory", async () => {
    alarms.schedule("a", 100);
    alarms = new AlarmScheduler(store);
    expect(await run(100)).toEqual(["a"]);
  });

  it("forgets an alarm only after its handler ended", async () => {
    alarms.schedule("a", 100);
    await alarms.run(100, () => {
      expect(store.rows.has("a")).toBe(true);
    });
    expect(store.rows.has("a")).toBe(false);
  });

  it("calls a handler that threw again later, and the others now", async () => {
    alarms.schedule("a", 100);
    alarms.schedule("b", 101);
    const called = await run(101, (name) => {
      if (name === "a") throw new Error("not yet");
    });
    expect(called).toEqual(["a", "b"]);
    expect(store.armedAt).toBe(101 + ALARM_RETRY_MS);
    expect(await run(101 + ALARM_RETRY_MS)).toEqual(["a"]);
  });
});
