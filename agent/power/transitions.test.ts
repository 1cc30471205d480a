import { expect, test } from "vitest";
import { restartPolicySchema } from "../../protocol/restart-policy.ts";
import { SERVER_STATES, type ServerState } from "../../protocol/server-state.ts";
import { firstStatus, type ServerStatus } from "./server-status.ts";
import { type PowerInput, type SpecFacts, transition } from "./transitions.ts";

const NOW = 1_000_000;
const FACTS: SpecFacts = {
  isSuspended: false,
  isHeld: false,
  installGeneration: 1,
  hasInstallWork: false,
  hasReadyPattern: true,
  desiredPower: "stopped",
  desiredPowerAt: 0,
  restartPolicy: "never",
  maxCrashes: 3,
  crashWindowMs: 600_000,
  crashResetAt: 0,
};

const status = (state: ServerState, change: Partial<ServerStatus> = {}): ServerStatus => ({
  ...firstStatus("s", 0),
  installedGeneration: 1,
  state,
  runId: "run-1",
  ...change,
});
const command = (action: "start" | "stop" | "restart" | "kill", issuedAt = 500): PowerInput => ({
  type: "command",
  action,
  issuedAt,
});
const exited = (exitCode: number, change: object = {}): PowerInput => ({
  type: "exited",
  runId: "run-1",
  exit: { exitCode, signal: null, oomKilled: false, exitedAt: NOW, ...change },
});
const LAUNCHED: PowerInput = { type: "launched", runId: "run-2", startedAt: NOW, bootIdentity: "b" };

/** What each command does in each state: new state and effects, or the refusal's code; `~` is "already under way". */
const TABLE: Record<string, Partial<Record<ServerState, string>>> = {
  start: {
    stopped: "starting launch",
    crashed: "starting launch",
    error: "starting launch",
    starting: "~starting",
    running: "SERVER_ALREADY_RUNNING",
    stopping: "stopping",
    installing: "SERVER_NOT_INSTALLED",
    suspended: "SERVER_SUSPENDED",
  },
  stop: {
    stopped: "SERVER_NOT_RUNNING",
    crashed: "SERVER_NOT_RUNNING",
    error: "SERVER_NOT_RUNNING",
    starting: "stopping ask_to_stop",
    running: "stopping ask_to_stop",
    stopping: "~stopping",
    installing: "SERVER_NOT_RUNNING",
    suspended: "SERVER_NOT_RUNNING",
  },
  restart: {
    stopped: "starting launch",
    crashed: "starting launch",
    error: "starting launch",
    starting: "stopping ask_to_stop",
    running: "stopping ask_to_stop",
    stopping: "stopping",
    installing: "SERVER_NOT_INSTALLED",
    suspended: "SERVER_SUSPENDED",
  },
  kill: {
    stopped: "SERVER_NOT_RUNNING",
    crashed: "SERVER_NOT_RUNNING",
    error: "error kill",
    starting: "stopping kill",
    running: "stopping kill",
    stopping: "stopping kill",
    installing: "installing abort_install",
    suspended: "SERVER_NOT_RUNNING",
  },
};

for (const action of ["start", "stop", "restart", "kill"] as const) {
  test.each(SERVER_STATES)(`${action} while %s`, (state) => {
    const { answer, status: after, effects } = transition(status(state), FACTS, command(action), NOW);
    const said = !answer?.ok
      ? answer?.code
      : `${answer.reply.alreadyUnderWay ? "~" : ""}${[after.state, ...effects].join(" ")}`;
    expect(said).toBe(TABLE[action]![state]);
    if (!answer?.ok) expect(after).toEqual(status(state));
  });
}

test.each(SERVER_STATES)("cancelling an install while %s", (state) => {
  const before = status(state, { next: "start" });
  const { answer, status: after, effects } = transition(before, FACTS, { type: "cancel_install" }, NOW);
  const isUnderWay = state === "installing";
  expect(effects).toEqual(isUnderWay ? ["abort_install"] : []);
  expect(after).toEqual(isUnderWay ? { ...before, next: "rest", stopAskedAt: NOW } : before);
  expect(answer).toMatchObject(isUnderWay ? { ok: true } : { ok: false, code: "CONFLICT" });
});

test("a command's wish is remembered with its time, and no clock takes it back", () => {
  expect(transition(status("stopped"), FACTS, command("start"), NOW).status).toMatchObject({
    desiredPower: "running",
    desiredPowerAt: 500,
  });
  const later = status("running", { desiredPower: "running", desiredPowerAt: 900 });
  const { status: stopped, answer } = transition(later, FACTS, command("stop", 100), NOW);
  expect(answer?.ok).toBe(true);
  expect(stopped).toMatchObject({ state: "stopping", desiredPower: "stopped", desiredPowerAt: 901 });
});

test("a run becomes running when it is ready, or at once without a pattern", () => {
  const starting = transition(status("starting", { isLaunching: true }), FACTS, LAUNCHED, NOW).status;
  expect(starting).toMatchObject({ state: "starting", isLaunching: false, runId: "run-2" });
  expect(transition(starting, FACTS, { type: "ready" }, NOW).status).toMatchObject({ state: "running", reason: null });
  const overdue = transition(starting, FACTS, { type: "ready_overdue" }, NOW).status;
  expect(overdue.state).toBe("running");
  expect(overdue.reason).toMatch(/in time/);
  const plain = { ...FACTS, hasReadyPattern: false };
  expect(transition(status("starting", { isLaunching: true }), plain, LAUNCHED, NOW).status.state).toBe("running");
});

test("a stop during the launch is carried out as soon as there is something to stop", () => {
  const launching = status("starting", { isLaunching: true });
  const stopped = transition(launching, FACTS, command("stop"), NOW);
  expect(stopped).toMatchObject({ effects: ["abort_launch"], status: { state: "stopping", isLaunching: true } });
  expect(transition(stopped.status, FACTS, LAUNCHED, NOW).effects).toEqual(["ask_to_stop"]);
  const killed = transition(launching, FACTS, command("kill"), NOW);
  expect(transition(killed.status, FACTS, LAUNCHED, NOW).effects).toEqual(["kill"]);
  const failed = transition(stopped.status, FACTS, { type: "launch_failed", reason: "no image" }, NOW);
  expect(failed.status.state).toBe("stopped");
});

test("a restart starts again after the exit, unless a stop came between", () => {
  const stopping = transition(status("running"), FACTS, command("restart"), NOW).status;
  expect(stopping).toMatchObject({ state: "stopping", next: "start" });
  expect(transition(stopping, FACTS, exited(143), NOW)).toMatchObject({
    effects: ["launch"],
    status: { state: "starting" },
  });
  const cancelled = transition(stopping, FACTS, command("stop"), NOW);
  expect(cancelled.answer).toMatchObject({ ok: true, reply: { alreadyUnderWay: true } });
  expect(transition(cancelled.status, FACTS, exited(143), NOW)).toMatchObject({
    effects: [],
    status: { state: "stopped" },
  });
});

test("an end that was not asked for is a crash, except with code 0", () => {
  const running = status("running", { desiredPower: "running", desiredPowerAt: 400, crashCount: 2 });
  expect(transition(running, FACTS, exited(1), NOW).status).toMatchObject({
    state: "crashed",
    crashCount: 3,
    exitCode: 1,
  });
  expect(transition(running, FACTS, exited(137, { oomKilled: true }), NOW).status.reason).toMatch(/memory/);
  expect(transition(running, FACTS, exited(139, { signal: "SIGSEGV" }), NOW).status.reason).toMatch(/SIGSEGV/);
  // Nobody wants it back at the next boot, yet any later wish still wins.
  expect(transition(running, FACTS, exited(0), NOW).status).toMatchObject({
    state: "stopped",
    crashCount: 2,
    desiredPower: "stopped",
    desiredPowerAt: 401,
  });
  expect(transition(status("stopping"), FACTS, exited(1), NOW).status).toMatchObject({
    state: "stopped",
    crashCount: 0,
  });
});

test("the exit of another run changes nothing", () => {
  const running = status("running", { runId: "run-9" });
  expect(transition(running, FACTS, exited(1), NOW)).toEqual({ status: running, effects: [] });
  // While the next run is being launched, the status still has the name of the one before.
  for (const state of ["starting", "stopping"] as const) {
    const launching = status(state, { isLaunching: true });
    expect(transition(launching, FACTS, exited(137), NOW)).toEqual({ status: launching, effects: [] });
  }
});

test("of two wishes the later one counts", () => {
  const stopped = status("stopped", { desiredPowerAt: 400 });
  const wish = (desiredPowerAt: number) => ({ ...FACTS, desiredPower: "running" as const, desiredPowerAt });
  expect(transition(stopped, wish(400), { type: "spec" }, NOW).effects).toEqual([]);
  expect(transition(stopped, wish(401), { type: "spec" }, NOW).effects).toEqual(["launch"]);
  const running = status("running", { desiredPower: "running", desiredPowerAt: 400 });
  expect(transition(running, { ...FACTS, desiredPowerAt: 399 }, { type: "spec" }, NOW).effects).toEqual([]);
  expect(transition(running, { ...FACTS, desiredPowerAt: 401 }, { type: "spec" }, NOW).effects).toEqual([
    "ask_to_stop",
  ]);
});

test("a crashed server is left crashed by a spec that says nothing new", () => {
  const crashed = status("crashed", { desiredPower: "running", desiredPowerAt: 400 });
  const facts = { ...FACTS, desiredPower: "running" as const, desiredPowerAt: 400 };
  expect(transition(crashed, facts, { type: "spec" }, NOW)).toEqual({ status: crashed, effects: [] });
});

test("after a reboot what was running and is wanted starts again", () => {
  const lost: PowerInput = { type: "lost", hasNodeRebooted: true };
  const wanted = status("running", { desiredPower: "running" });
  expect(transition(wanted, FACTS, lost, NOW).effects).toEqual(["launch"]);
  expect(transition(status("running"), FACTS, lost, NOW).status.state).toBe("stopped");
  expect(transition(wanted, FACTS, { type: "lost", hasNodeRebooted: false }, NOW).status).toMatchObject({
    state: "crashed",
    exitCode: null,
  });
});

test("suspending stops, and unsuspending brings back what was wanted", () => {
  const suspended = { ...FACTS, isSuspended: true };
  const running = status("running", { desiredPower: "running" });
  const stopping = transition(running, suspended, { type: "spec" }, NOW);
  expect(stopping.effects).toEqual(["ask_to_stop"]);
  const done = transition(stopping.status, suspended, exited(0), NOW).status;
  expect(done.state).toBe("suspended");
  expect(transition(done, FACTS, { type: "spec" }, NOW).effects).toEqual(["launch"]);
  const idle = transition(status("stopped"), suspended, { type: "spec" }, NOW).status;
  expect(idle.state).toBe("suspended");
  expect(transition(idle, FACTS, { type: "spec" }, NOW).status.state).toBe("stopped");
});

const WITH_SCRIPT = { ...FACTS, hasInstallWork: true };

test("a new server is installed at once; without a script it counts as installed", () => {
  const fresh = firstStatus("s", 0);
  expect(transition(fresh, WITH_SCRIPT, { type: "spec" }, NOW)).toMatchObject({
    effects: ["install"],
    status: { state: "installing" },
  });
  expect(transition(fresh, FACTS, { type: "spec" }, NOW)).toMatchObject({
    effects: [],
    status: { state: "stopped", installedGeneration: 1 },
  });
});

test("a failed install is tried again only by a start or a newer generation", () => {
  const installing = transition(firstStatus("s", 0), WITH_SCRIPT, { type: "spec" }, NOW).status;
  const failed = transition(
    installing,
    WITH_SCRIPT,
    { type: "install_failed", generation: 1, reason: "no network" },
    NOW,
  ).status;
  expect(failed).toMatchObject({ state: "error", reason: "no network", installedGeneration: 0 });
  expect(transition(failed, WITH_SCRIPT, { type: "spec" }, NOW).effects).toEqual([]);
  expect(transition(failed, { ...WITH_SCRIPT, installGeneration: 2 }, { type: "spec" }, NOW).effects).toEqual([
    "install",
  ]);
  const retried = transition(failed, WITH_SCRIPT, command("start"), NOW);
  expect(retried).toMatchObject({ effects: ["install"], status: { state: "installing", next: "start" } });
  expect(transition(retried.status, WITH_SCRIPT, { type: "installed", generation: 1 }, NOW).effects).toEqual([
    "launch",
  ]);
});

test("a reinstall of a running server stops it first and brings it back", () => {
  const facts = { ...WITH_SCRIPT, installGeneration: 2 };
  const running = status("running", { desiredPower: "running" });
  const stopping = transition(running, facts, { type: "spec" }, NOW);
  expect(stopping).toMatchObject({ effects: ["ask_to_stop"], status: { state: "stopping", next: "start" } });
  const installing = transition(stopping.status, facts, exited(0), NOW);
  expect(installing.effects).toEqual(["install"]);
  expect(transition(installing.status, facts, { type: "installed", generation: 2 }, NOW).effects).toEqual(["launch"]);
});

test("a run that nobody remembers is taken over, and ended when it is not wanted", () => {
  const found: PowerInput = { type: "found_running", runId: "run-7", startedAt: 5, bootIdentity: "b" };
  const running = transition(status("stopped"), FACTS, found, NOW).status;
  expect(running).toMatchObject({ state: "running", runId: "run-7", startedAt: 5 });
  expect(transition(running, FACTS, { type: "spec" }, NOW).effects).toEqual(["ask_to_stop"]);
});

/** A server that its owner wants to run, under a policy; it ran for a second. */
const wanted = (change: Partial<ServerStatus> = {}) =>
  status("running", { desiredPower: "running", desiredPowerAt: 400, startedAt: NOW - 1_000, ...change });
const under = (restartPolicy: SpecFacts["restartPolicy"], change: Partial<SpecFacts> = {}): SpecFacts => ({
  ...FACTS,
  restartPolicy,
  desiredPower: "running",
  desiredPowerAt: 400,
  ...change,
});
const SPEC: PowerInput = { type: "spec" };
const DUE: PowerInput = { type: "restart_due" };

/** What each policy makes of each end: the state, whether it is started again, and whether it counts as a crash. */
const ENDS: Record<string, [input: PowerInput, Record<SpecFacts["restartPolicy"], string>]> = {
  "an exit with code 0": [
    exited(0),
    { always: "stopped restarts", "on-failure": "stopped rests", never: "stopped rests" },
  ],
  "an exit with code 42": [
    exited(42),
    { always: "crashed restarts", "on-failure": "crashed restarts", never: "crashed rests" },
  ],
  "an end by a signal": [
    exited(139, { signal: "SIGSEGV" }),
    { always: "crashed restarts", "on-failure": "crashed restarts", never: "crashed rests" },
  ],
  "an end for want of memory": [
    exited(137, { signal: "SIGKILL", oomKilled: true }),
    { always: "crashed restarts", "on-failure": "crashed restarts", never: "crashed rests" },
  ],
  "an end that nobody saw": [
    { type: "lost", hasNodeRebooted: false },
    { always: "crashed restarts", "on-failure": "crashed restarts", never: "crashed rests" },
  ],
};

for (const policy of restartPolicySchema.options) {
  test.each(Object.keys(ENDS))(`${policy}: %s`, (name) => {
    const [input, table] = ENDS[name]!;
    for (const state of ["running", "starting"] as const) {
      const { status: after, effects, crash } = transition(wanted({ state }), under(policy), input, NOW);
      expect(`${after.state} ${after.restartAt === null ? "rests" : "restarts"}`).toBe(table[policy]);
      expect(effects).toEqual([]);
      expect(crash !== undefined).toBe(after.state === "crashed");
      expect(after.crashCount).toBe(crash ? 1 : 0);
      if (crash) expect(crash).toMatchObject({ crashCount: 1, runTimeMs: 1_000, restartAt: after.restartAt, at: NOW });
    }
  });
}

test("no end that was asked for, and none of a suspended server, is a crash", () => {
  const stopping = transition(wanted({ state: "stopping" }), under("always"), exited(139, { signal: "SIGSEGV" }), NOW);
  expect(stopping).toMatchObject({ status: { state: "stopped", crashCount: 0, restartAt: null } });
  expect(stopping.crash).toBeUndefined();
  const suspended = transition(wanted(), under("always", { isSuspended: true }), exited(1), NOW);
  expect(suspended).toMatchObject({ status: { state: "suspended", crashCount: 0, restartAt: null } });
  expect(suspended.crash).toBeUndefined();
});

test("while it waits it says so, and when the time has come it starts", () => {
  const waiting = transition(wanted(), under("on-failure"), exited(42), NOW).status;
  expect(waiting).toMatchObject({ restartAt: NOW + 1_000, reason: "It exited with code 42; restarting in 1 s." });
  expect(transition(waiting, under("on-failure"), DUE, NOW + 1_000)).toMatchObject({
    effects: ["launch"],
    status: { state: "starting", crashCount: 1, restartAt: null },
  });
});

test("a restart that is due in any other state changes nothing", () => {
  for (const state of SERVER_STATES) {
    expect(transition(status(state), FACTS, DUE, NOW)).toEqual({ status: status(state), effects: [] });
  }
});

test("too many crashes within the window end the restarts, in words; older ones do not count", () => {
  const facts = under("on-failure");
  const second = transition(wanted({ crashCount: 1, recentCrashes: [NOW - 9_000] }), facts, exited(1), NOW).status;
  expect(second.restartAt).not.toBeNull();
  const recentCrashes = [NOW - 9_000, NOW - 5_000];
  const third = transition(wanted({ crashCount: 2, recentCrashes }), facts, exited(1), NOW);
  expect(third).toMatchObject({ status: { state: "crashed", restartAt: null }, crash: { restartAt: null } });
  expect(third.status.reason).toMatch(/crashed 3 times within 10 minutes and is not restarted any more/);
  expect(transition(third.status, facts, SPEC, NOW)).toEqual({ status: third.status, effects: [] });
  const old = [NOW - 600_001, NOW - 600_000];
  expect(transition(wanted({ crashCount: 2, recentCrashes: old }), facts, exited(1), NOW).status).toMatchObject({
    crashCount: 3,
    recentCrashes: [NOW],
    restartAt: NOW + 1_000,
  });
});

test("a start during the wait starts at once and forgives; a stop or a kill takes the restart back", () => {
  const waiting = transition(wanted({ backoffStep: 3 }), under("on-failure"), exited(42), NOW).status;
  for (const action of ["start", "restart"] as const) {
    expect(transition(waiting, under("on-failure"), command(action), NOW)).toMatchObject({
      effects: ["launch"],
      status: { state: "starting", restartAt: null, crashCount: 0, recentCrashes: [], backoffStep: 0 },
    });
  }
  for (const action of ["stop", "kill"] as const) {
    const stopped = transition(waiting, under("on-failure"), command(action), NOW);
    expect(stopped).toMatchObject({ answer: { ok: true }, effects: [] });
    expect(stopped.status).toMatchObject({ state: "stopped", restartAt: null, desiredPower: "stopped", exitCode: 42 });
  }
});

test("the spec can take a restart back too: by a newer wish, a suspension, or another policy", () => {
  const waiting = transition(wanted(), under("on-failure"), exited(42), NOW).status;
  expect(transition(waiting, under("on-failure"), SPEC, NOW)).toEqual({ status: waiting, effects: [] });
  const stop = under("on-failure", { desiredPower: "stopped", desiredPowerAt: 401 });
  expect(transition(waiting, stop, SPEC, NOW).status).toMatchObject({ state: "stopped", restartAt: null });
  const suspended = under("on-failure", { isSuspended: true });
  expect(transition(waiting, suspended, SPEC, NOW).status).toMatchObject({ state: "suspended", restartAt: null });
  expect(transition(waiting, suspended, DUE, NOW)).toMatchObject({ effects: [], status: { state: "suspended" } });
  expect(transition(waiting, under("never"), SPEC, NOW).status).toMatchObject({
    state: "crashed",
    restartAt: null,
    reason: "It exited with code 42.",
  });
  const clean = transition(wanted(), under("always"), exited(0), NOW).status;
  expect(clean).toMatchObject({ state: "stopped", desiredPower: "running", restartAt: NOW + 1_000 });
  expect(transition(clean, under("on-failure"), SPEC, NOW).status).toMatchObject({ state: "stopped", restartAt: null });
});

test("a reset forgets the crashes once, and starts nothing", () => {
  const crashed = status("crashed", {
    crashCount: 3,
    recentCrashes: [1, 2, 3],
    backoffStep: 2,
    desiredPower: "running",
    desiredPowerAt: 400,
  });
  const facts = under("on-failure", { crashResetAt: 7 });
  const reset = transition(crashed, facts, SPEC, NOW);
  expect(reset).toMatchObject({
    effects: [],
    status: { state: "crashed", crashCount: 0, recentCrashes: [], backoffStep: 0 },
  });
  const again = { ...reset.status, crashCount: 1 };
  expect(transition(again, facts, SPEC, NOW).status.crashCount).toBe(1);
});
