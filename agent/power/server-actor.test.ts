/** The actor on a runtime whose every step the test decides. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConsoleLog } from "../console/console-log.ts";
import { makeServerFolders, serverPaths } from "../console/server-paths.ts";
import { PLAIN_DISKS } from "../disk/testing/plain-disks.ts";
import { Journal } from "../journal/journal.ts";
import { createLog } from "../log.ts";
import { type ContainerRuntime, RuntimeError, type RuntimeStatus } from "../runtime/container-runtime.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { ServerActor } from "./server-actor.ts";

const ID = "echo-1";
const EXIT = { exitCode: 3, signal: null, oomKilled: false, exitedAt: 1 };
const run = (runId: string): RuntimeStatus => ({
  serverId: ID,
  runId,
  isRunning: true,
  startedAt: Date.now(),
  exit: null,
});

/** Launches end when the test says so. */
class SteeredRuntime {
  readonly name = "process";
  calls: string[] = [];
  /** The run that each signal and kill was meant for. */
  meant: (string | undefined)[] = [];
  present: RuntimeStatus | null = null;
  /** Looks wait for this, and then tell what was there when they began. */
  looking: Promise<void> = Promise.resolve();
  #launches: PromiseWithResolvers<RuntimeStatus>[] = [];

  start(): Promise<RuntimeStatus> {
    this.calls.push("start");
    const launch = Promise.withResolvers<RuntimeStatus>();
    this.#launches.push(launch);
    return launch.promise;
  }
  launched(runId: string): void {
    this.present = run(runId);
    this.#launches.shift()!.resolve(this.present);
  }
  launchFails(message: string): void {
    this.#launches.shift()!.reject(new RuntimeError(message));
  }
  async signal(_: string, signal: string, runId?: string): Promise<void> {
    this.calls.push(signal);
    this.meant.push(runId);
  }
  async kill(_: string, runId?: string): Promise<void> {
    this.calls.push("kill");
    this.meant.push(runId);
  }
  async inspect(): Promise<RuntimeStatus | null> {
    const { present } = this;
    this.calls.push("inspect");
    await this.looking;
    return present;
  }
  async remove(): Promise<void> {
    this.calls.push("remove");
  }
  cancelPull(): void {
    this.calls.push("cancel pull");
  }
  async say(): Promise<void> {}
}

const SILENT_LOG: ConsoleLog = {
  bounds: async () => ({ oldest: 0, latest: 0 }),
  read: async (from) => ({ offset: from, bytes: Buffer.alloc(0) }),
  follow: () => () => undefined,
  close: async () => undefined,
};

let folder: string;
let journal: Journal;
let runtime: SteeredRuntime;
let actor: ServerActor;
let lines: string[];

async function makeActor(change: Parameters<typeof serverSpec>[0] = {}, found: RuntimeStatus | null = null) {
  const paths = serverPaths(folder, ID);
  await makeServerFolders(paths);
  actor = new ServerActor(serverSpec(change), paths, SILENT_LOG, {
    runtime: runtime as unknown as ContainerRuntime,
    disks: PLAIN_DISKS,
    journal,
    log: createLog("silent"),
    bootIdentity: "boot-1",
    timeZone: "UTC",
    writeInput: async (_, line) => void lines.push(line),
  });
  await actor.recover(found);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-actor-"));
  journal = await Journal.open(folder, createLog("silent"));
  runtime = new SteeredRuntime();
  lines = [];
});
afterEach(async () => {
  await actor.close();
  await journal.close();
  rmSync(folder, { recursive: true });
});

const command = (action: "start" | "stop" | "restart" | "kill", id: string = action) =>
  actor.command(action, id, Date.now());
const called = (call: string, times = 1) =>
  waitUntil(`${call} to be called`, () => runtime.calls.filter((each) => each === call).length === times);
const inState = (state: string) => waitUntil(`the state ${state}`, () => actor.status.state === state);

test("a decision is on disk before it is acted upon", async () => {
  await makeActor();
  await command("start");
  await called("start");
  const again = await Journal.open(folder, createLog("silent"));
  expect(again.status(ID)).toMatchObject({ state: "starting", isLaunching: true });
  expect(again.answer("start")).toMatchObject({ ok: true });
  await again.close();
  runtime.launched("r-1");
});

test("kill during a launch ends what the launch brings, at once", async () => {
  await makeActor();
  await command("start");
  await called("start");
  expect(await command("kill")).toMatchObject({ ok: true, reply: { state: "stopping" } });
  await called("kill");
  expect(actor.status.state).toBe("stopping");
  runtime.launched("r-1");
  await called("kill", 2);
  await actor.exited("r-1", EXIT);
  expect(actor.status.state).toBe("stopped");
});

test("a stop during a launch asks the game as soon as it is there", async () => {
  await makeActor();
  await command("start");
  await called("start");
  await command("stop");
  expect(lines).toEqual([]);
  runtime.launched("r-1");
  await waitUntil("the stop command", () => lines.length === 1);
  expect(lines).toEqual(["stop"]);
  await waitUntil("the note of it", () => actor.status.stopAskedAt !== null);
});

test("an end that is reported before its launch is not lost", async () => {
  await makeActor();
  await command("start");
  await called("start");
  await actor.exited("r-1", EXIT);
  expect(actor.status.state).toBe("starting");
  runtime.launched("r-1");
  await inState("crashed");
  expect(actor.status.exitCode).toBe(3);
});

test("a launch that fails is told in the runtime's words, and can be tried again", async () => {
  await makeActor();
  await command("start");
  await called("start");
  runtime.launchFails("The image cannot be pulled.");
  await inState("error");
  expect(actor.status.reason).toBe("The image cannot be pulled.");
  expect(await command("start", "again")).toMatchObject({ ok: true });
  await called("start", 2);
  runtime.launched("r-2");
});

test("a kill that finds nothing to kill ends the stopping", async () => {
  await makeActor({ readyPattern: "" });
  await command("start");
  await called("start");
  runtime.launched("r-1");
  await inState("running");
  runtime.present = null;
  await command("kill");
  await inState("stopped");
});

test.each([
  ["has found its end", { ...run("r-1"), isRunning: false, exit: EXIT }],
  ["has found nothing", null],
])("a kill that %s only when the next run is launched or runs takes nothing from that run", async (_, found) => {
  for (const isLaunched of [false, true]) {
    runtime = new SteeredRuntime();
    await makeActor({ readyPattern: "" });
    await command("start", `start-${isLaunched}`);
    await called("start");
    runtime.launched("r-1");
    await inState("running");
    const look = Promise.withResolvers<void>();
    runtime.looking = look.promise;
    runtime.present = found;
    await command("kill", `kill-${isLaunched}`);
    await called("inspect");
    await actor.exited("r-1", EXIT);
    expect(actor.status.state).toBe("stopped");
    await command("start", `again-${isLaunched}`);
    await called("start", 2);
    if (isLaunched) {
      runtime.launched("r-2");
      await inState("running");
    }
    look.resolve();
    await look.promise;
    // Behind whatever the look has put into the mailbox.
    for (let turn = 0; turn < 3; turn++) await actor.post({ type: "ready_overdue" });
    if (!isLaunched) {
      expect(actor.status).toMatchObject({ state: "starting", isLaunching: true });
      runtime.launched("r-2");
      await inState("running");
    }
    expect(actor.status).toMatchObject({ state: "running", runId: "r-2", crashCount: 0 });
    await command("kill", `end-${isLaunched}`);
    await actor.exited("r-2", EXIT);
    await actor.close();
  }
});

test("what ends a run names it, so that it cannot come upon the next one", async () => {
  await makeActor({ readyPattern: "", stopCommand: "" });
  await command("start");
  await called("start");
  runtime.launched("r-1");
  await inState("running");
  await command("stop");
  await called("SIGTERM");
  await command("kill");
  await called("kill");
  expect(runtime.meant).toEqual(["r-1", "r-1"]);
  await actor.exited("r-1", EXIT);
});

test("a run that the launch only found, and that ended before it was told, is over", async () => {
  await makeActor();
  await command("start");
  await called("start");
  runtime.launched("r-1");
  await waitUntil("the launch", () => !actor.status.isLaunching);
  await actor.post({ type: "lost", hasNodeRebooted: false });
  await command("start", "again");
  await called("start", 2);
  await actor.exited("r-1", EXIT);
  expect(actor.status.state).toBe("starting");
  runtime.launched("r-1");
  await inState("crashed");
});

test("a removal waits for a launch that is under way, and nothing is left running", async () => {
  await makeActor();
  await command("start");
  await called("start");
  const removal = actor.remove();
  await called("kill");
  expect(runtime.calls).not.toContain("remove");
  runtime.launched("r-1");
  await removal;
  expect(runtime.calls.at(-1)).toBe("remove");
  expect(journal.status(ID)).toBeNull();
});

test("after a start of the agent an unconfirmed launch is taken over if it came to be, else done", async () => {
  await makeActor();
  await command("start");
  await called("start");
  await actor.close();
  await makeActor({}, run("r-1"));
  expect(actor.status).toMatchObject({ state: "starting", isLaunching: false, runId: "r-1" });
  expect(runtime.calls).toEqual(["start"]);
  await actor.exited("r-1", EXIT);
  await command("start", "second");
  await called("start", 2);
  await actor.close();
  // The last run that the runtime knows is the old one: the new one never came to be.
  await makeActor({}, { ...run("r-1"), isRunning: false, exit: EXIT });
  await called("start", 3);
  expect(actor.status.state).toBe("starting");
});

test("after a boot of the machine a server that ran is started again, and one that crashed is not", async () => {
  await makeActor({ readyPattern: "", desiredPower: "running", desiredPowerAt: 1 });
  await called("start");
  runtime.launched("r-1");
  await inState("running");
  await journal.commit({ status: { ...actor.status, bootIdentity: "boot-0" } });
  await actor.close();
  await makeActor({ readyPattern: "", desiredPower: "running", desiredPowerAt: 1 }, null);
  await called("start", 2);
  runtime.launched("r-2");
  await inState("running");
  await actor.exited("r-2", EXIT);
  await actor.close();
  await makeActor({ desiredPower: "running", desiredPowerAt: 1 }, null);
  expect(actor.status.state).toBe("crashed");
  expect(runtime.calls.filter((call) => call === "start")).toHaveLength(2);
});

describe("restarts by policy, on a steered clock", () => {
  const POLICY = { readyPattern: "", restartPolicy: "on-failure", maxCrashes: 3 } as const;
  const START = Date.UTC(2026, 0, 1);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: START });
  });
  afterEach(() => void vi.useRealTimers());

  /** Waits in real time without letting the steered clock go on. */
  async function steady(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + 5_000;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const starts = () => runtime.calls.filter((call) => call === "start").length;
  const state = (wanted: string) => steady(`the state ${wanted}`, () => actor.status.state === wanted);

  async function launched(count: number): Promise<void> {
    await steady(`launch ${count}`, () => starts() === count);
    runtime.launched(`r-${count}`);
    await state("running");
  }
  const crashes = (count: number) => actor.exited(`r-${count}`, { ...EXIT, exitedAt: Date.now() });

  test("each wait is as long as it says, and the last crash ends them", async () => {
    await makeActor(POLICY);
    await command("start");
    await launched(1);
    await crashes(1);
    expect(actor.status).toMatchObject({ state: "crashed", restartAt: Date.now() + 1_000 });
    await vi.advanceTimersByTimeAsync(999);
    expect(starts()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await launched(2);
    await crashes(2);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(starts()).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    await launched(3);
    await crashes(3);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(starts()).toBe(3);
    expect(actor.status).toMatchObject({ state: "crashed", restartAt: null, crashCount: 3 });
    const told = journal.eventsAfter(0).flatMap((event) => (event.crash ? [event.crash] : []));
    expect(told.map(({ crashCount, exitCode }) => [crashCount, exitCode])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(3);
  });

  test("an agent that was away meanwhile waits for the rest of the time only", async () => {
    await makeActor(POLICY);
    await command("start");
    await launched(1);
    await crashes(1);
    await actor.close();
    await vi.advanceTimersByTimeAsync(600);
    expect(starts()).toBe(1);
    await makeActor(
      { ...POLICY, desiredPower: "running", desiredPowerAt: 1 },
      { ...run("r-1"), isRunning: false, exit: EXIT },
    );
    await vi.advanceTimersByTimeAsync(399);
    expect(starts()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await launched(2);
    await crashes(2);
    await actor.close();
    await vi.advanceTimersByTimeAsync(60_000);
    await makeActor({ ...POLICY, desiredPower: "running", desiredPowerAt: 1 });
    await vi.advanceTimersByTimeAsync(0);
    await launched(3);
    expect(actor.status.crashCount).toBe(2);
  });

  test("a clock that goes back makes no wait longer", async () => {
    await makeActor(POLICY);
    await command("start");
    await launched(1);
    await crashes(1);
    await actor.close();
    vi.setSystemTime(START - 86_400_000);
    await makeActor({ ...POLICY, desiredPower: "running", desiredPowerAt: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    await launched(2);
  });

  test("a stop during the wait is the end of it, a start ends the wait", async () => {
    await makeActor(POLICY);
    await command("start");
    await launched(1);
    await crashes(1);
    expect(await command("stop")).toMatchObject({ ok: true, reply: { state: "stopped" } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(starts()).toBe(1);
    await command("start", "second");
    await launched(2);
    await crashes(2);
    await command("start", "third");
    await launched(3);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(starts()).toBe(3);
    expect(actor.status).toMatchObject({ state: "running", crashCount: 0 });
  });

  test("a server that is suspended during the wait is not started", async () => {
    await makeActor(POLICY);
    await command("start");
    await launched(1);
    await crashes(1);
    await actor.applySpec(serverSpec({ ...POLICY, suspended: true }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(actor.status.state).toBe("suspended");
    expect(starts()).toBe(1);
  });
});
