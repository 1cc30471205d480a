import { describe, expect, test } from "vitest";
import type { ServerState } from "../../protocol/server-state.ts";
import type { RuntimeStatus } from "../runtime/container-runtime.ts";
import { CANCELLED_WORDS } from "./install-server.ts";
import { recoverRun } from "./recover-run.ts";
import { firstStatus, type ServerStatus } from "./server-status.ts";

const NOW = 1_000_000;
const FACTS = { bootIdentity: "boot-1", installGeneration: 3, now: NOW };

type Change = Partial<ServerStatus>;
const EXIT = { exitCode: 3, signal: null, oomKilled: false, exitedAt: NOW };
const found = (runId: string, change: Partial<RuntimeStatus>): RuntimeStatus => ({
  serverId: "s",
  runId,
  isRunning: false,
  startedAt: 700,
  exit: null,
  ...change,
});

/** What the runtime may say of a server whose status speaks of `own`. */
const FOUND: Record<string, RuntimeStatus | null> = {
  nothing: null,
  "own running": found("own", { isRunning: true }),
  "other running": found("other", { isRunning: true }),
  "own exited": found("own", { exit: EXIT }),
  "other exited": found("other", { exit: EXIT }),
  "own unclear": found("own", {}),
  "other unclear": found("other", {}),
};

const LAUNCHING: Change = { isLaunching: true };
const ASKED: Change = { stopAskedAt: 5 };
const KILLED: Change = { isKilled: true };
const LINGERING: Change = { isLingering: true };
const REBOOTED: Change = { bootIdentity: "boot-0" };

type Row = [ServerState, Change, Partial<Record<keyof typeof FOUND, string>>];

const over = {
  nothing: "lost",
  "own exited": "exited own",
  "other exited": "exited other",
  "own unclear": "lost",
  "other unclear": "lost",
};
const overByReboot = {
  nothing: "lost by reboot",
  "own exited": "lost by reboot",
  "own unclear": "lost by reboot",
  "other exited": "exited other",
  "other unclear": "lost",
};
const atRest = { "own running": "found_running own", "other running": "found_running other" };
const launchedAlready = { "own running": "launched own", "other running": "launched other" };
const neverRan = (step: string) => ({ nothing: step, "own exited": step, "own unclear": step, "other unclear": step });

/** What is done by state and by what is found; what a row leaves out is nothing. */
const TABLE: Record<string, Row> = {
  "a server at rest": ["stopped", {}, atRest],
  "a crashed one": ["crashed", {}, atRest],
  "one in error": ["error", {}, atRest],
  "a suspended one": ["suspended", {}, atRest],
  "one in error that could not be ended": [
    "error",
    LINGERING,
    { ...over, "own running": "kill", "other running": "adopt other, kill" },
  ],
  "a running one": ["running", {}, { ...over, "other running": "adopt other" }],
  "a running one, after a boot": ["running", REBOOTED, { ...overByReboot, "other running": "adopt other" }],
  "a starting one": ["starting", {}, { ...over, "other running": "adopt other" }],
  "one that was being launched": [
    "starting",
    LAUNCHING,
    { ...launchedAlready, ...neverRan("launch"), "other exited": "launched other, exited other" },
  ],
  "one that was being launched, after a boot": [
    "starting",
    { ...LAUNCHING, ...REBOOTED },
    { ...launchedAlready, ...neverRan("launch"), "other exited": "launched other, exited other" },
  ],
  "one that was to stop while it was launched": [
    "stopping",
    LAUNCHING,
    { ...launchedAlready, ...neverRan("launch_failed"), "other exited": "launched other, exited other" },
  ],
  "one that was to be asked to stop": [
    "stopping",
    {},
    { ...over, "own running": "ask_to_stop", "other running": "adopt other, ask_to_stop" },
  ],
  "one that was asked to stop": ["stopping", ASKED, { ...over, "other running": "adopt other" }],
  "one that was killed": [
    "stopping",
    { ...ASKED, ...KILLED },
    { ...over, "own running": "kill", "other running": "adopt other, kill" },
  ],
};

const decide = (state: ServerState, change: Change, runtime: RuntimeStatus | null) =>
  recoverRun({ ...firstStatus("s", 0), state, runId: "own", bootIdentity: "boot-1", ...change }, runtime, FACTS);

/** Each step in a word or two, with the run that it speaks of. */
function told(steps: ReturnType<typeof recoverRun>): string {
  return steps
    .map((step) => {
      if (step.type === "effect") return step.effect;
      if (step.type === "adopt") return `adopt ${step.run.runId}`;
      if (step.input.type === "lost") return step.input.hasNodeRebooted ? "lost by reboot" : "lost";
      return "runId" in step.input ? `${step.input.type} ${step.input.runId}` : step.input.type;
    })
    .join(", ");
}

describe.each(Object.entries(TABLE))("%s", (_, [state, change, expected]) => {
  test.each(Object.entries(FOUND))("%s", (name, runtime) => {
    expect(told(decide(state, change, runtime))).toBe(expected[name] ?? "");
  });
});

test.each(Object.entries(FOUND))("an install is run anew, whatever the runtime says: %s", (_, runtime) => {
  expect(decide("installing", {}, runtime)).toEqual([{ type: "effect", effect: "install" }]);
});

test("an install that was cut short is not run anew", () => {
  const input = { type: "install_failed", generation: 3, reason: CANCELLED_WORDS };
  expect(decide("installing", ASKED, null)).toEqual([{ type: "input", input }]);
});

test("a run is of this boot, and of now when its start is not known", () => {
  const run = (startedAt: number) => ({ runId: "other", startedAt, bootIdentity: "boot-1" });
  const of = (startedAt: number | null) => found("other", { isRunning: true, startedAt });
  expect(decide("running", REBOOTED, of(700))).toEqual([{ type: "adopt", run: run(700) }]);
  expect(decide("running", {}, of(null))).toEqual([{ type: "adopt", run: run(NOW) }]);
  const input = { type: "found_running", ...run(700) };
  expect(decide("stopped", {}, of(700))).toEqual([{ type: "input", input }]);
});

test("how a run ended is told as the runtime tells it", () => {
  const input = { type: "exited", runId: "own", exit: EXIT };
  expect(decide("running", {}, FOUND["own exited"]!)).toEqual([{ type: "input", input }]);
});
