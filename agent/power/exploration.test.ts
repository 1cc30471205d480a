/** Every status with every fact and every input: what no test by example can show. */
import { expect, test } from "vitest";
import { deadlines } from "./deadlines.ts";
import type { PowerInput, SpecFacts, Transition } from "./power-types.ts";
import { firstStatus, type ServerStatus } from "./server-status.ts";
import { DEADLINE_INPUTS, FACTS, INPUTS, NOW, STATUSES, VARIANTS } from "./testing/every-status.ts";
import { transition } from "./transitions.ts";

const TIMEOUTS = { startTimeoutSeconds: 30, stopTimeoutSeconds: 10, installTimeoutSeconds: 60 };
const RESTING = ["stopped", "crashed", "error", "suspended"];
const TRANSIENT = ["starting", "stopping", "installing"];

/** The flags that the machine tells statuses apart by; times are there or not. */
const shapeOf = (status: ServerStatus): string =>
  [
    status.state,
    status.isLaunching && "launching",
    status.isAutomatic && "automatic",
    status.isKilled && "killed",
    status.isHeld && "held",
    status.isLingering && "lingering",
    status.next === "start" && "next",
    status.stopAskedAt !== null && "asked",
    status.restartAt !== null && "restarts",
  ]
    .filter(Boolean)
    .join(" ");
const SHAPES = new Set(STATUSES.map(shapeOf));

/** Why an outcome breaks a promise, or null. */
function defect(
  before: ServerStatus,
  facts: SpecFacts,
  input: PowerInput,
  { status, effects, answer, crash }: Transition,
) {
  if (!SHAPES.has(shapeOf(status))) return `leads to no known status: ${shapeOf(status)}`;
  const isAnswered = input.type === "command" || input.type === "cancel_install";
  if (isAnswered !== (answer !== undefined)) return "a command gets an answer, and nothing else does";
  if (answer && !answer.ok && (effects.length > 0 || JSON.stringify(status) !== JSON.stringify(before))) {
    return "a refused command changes something";
  }
  if (answer && !answer.ok && !/^[A-Z].*\.$/.test(answer.error)) return "a refusal is not a sentence";
  if (TRANSIENT.includes(status.state) && deadlines(status, TIMEOUTS).length === 0) return "has no deadline";
  const isBarred = facts.isSuspended || facts.isHeld;
  if (isBarred && (effects.includes("launch") || effects.includes("install"))) return "begins though it is barred";
  if (effects.includes("launch") && !(status.state === "starting" && status.isLaunching)) return "launches unannounced";
  if (effects.includes("install") && status.state !== "installing") return "installs unannounced";
  if (effects.includes("ask_to_stop") && status.state !== "stopping") return "asks to stop unannounced";
  if (effects.includes("abort_launch") && !before.isLaunching) return "calls off what is not launching";
  if (effects.includes("abort_install") && before.state !== "installing") return "cuts what is not installing";
  const isNewLaunch = status.isLaunching && !before.isLaunching;
  if (isNewLaunch && !effects.includes("launch")) return "waits for a launch that nobody begins";
  const isNewInstall = status.state === "installing" && before.state !== "installing";
  if (isNewInstall && !effects.includes("install")) return "waits for an install that nobody begins";
  const runs = (one: ServerStatus) => ["starting", "running"].includes(one.state) && !one.isLaunching;
  const isLeft = runs(before) && !runs(status) && !["exited", "lost"].includes(input.type);
  if (isLeft && !effects.some((effect) => effect === "ask_to_stop" || effect === "kill")) return "leaves a run behind";
  if (status.restartAt !== null && (!RESTING.includes(status.state) || status.desiredPower !== "running")) {
    return "restarts what does not rest or is not wanted";
  }
  if (crash && status.state !== "crashed") return "tells of a crash that is none";
  if (status.desiredPowerAt < before.desiredPowerAt) return "forgets a wish";
  const wantsAnother = before.next === "start" && before.desiredPower === "running";
  const isTakenBack =
    status.desiredPower === "stopped" ||
    isBarred ||
    status.next === "start" ||
    ["starting", "running"].includes(status.state);
  // An install or a launch that failed, and a run that was found, are the answer to the intent.
  const isSettled = ["install_failed", "install_overdue", "cancel_install", "launch_failed", "launch_overdue"].includes(
    input.type,
  );
  if (wantsAnother && !isTakenBack && !isSettled) return "loses the intent to start again";
  return null;
}

test("every status, with every fact and input, has an outcome that keeps every promise", { timeout: 120_000 }, () => {
  const defects = new Map<string, string>();
  let count = 0;
  for (const before of STATUSES) {
    for (const facts of FACTS) {
      for (const [name, input] of INPUTS) {
        count++;
        const found = defect(before, facts, input, transition(before, facts, input, NOW));
        if (found) defects.set(`${shapeOf(before)} + ${name}: ${found}`, JSON.stringify(facts));
      }
    }
  }
  expect(Object.fromEntries([...defects].slice(0, 12))).toEqual({});
  expect(count).toBe(STATUSES.length * FACTS.length * INPUTS.length);
});

test("every status can be reached from a new server, and nothing else can", () => {
  const seen = new Map<string, ServerStatus>();
  const open = [firstStatus("s", 0)];
  while (open.length > 0) {
    const before = open.pop()!;
    const key = `${shapeOf(before)} ${before.desiredPower} ${before.installedGeneration} ${before.failedInstallGeneration}`;
    if (seen.has(key)) continue;
    seen.set(key, before);
    for (const facts of FACTS) {
      for (const [, input] of INPUTS) {
        const { status } = transition(before, facts, input, NOW);
        // A wish that was obeyed is an old one for what comes next.
        open.push({ ...status, desiredPowerAt: 400, crashResetAt: 0, recentCrashes: [], runId: "run-1" });
      }
    }
  }
  const reached = new Set([...seen.values()].map(shapeOf));
  expect([...SHAPES].filter((shape) => !reached.has(shape))).toEqual([]);
  expect([...reached].filter((shape) => !SHAPES.has(shape))).toEqual([]);
});

test("with no help but its deadlines every server comes to rest, however the world is silent", () => {
  for (const start of STATUSES) {
    for (const facts of FACTS) {
      let status = start;
      let now = NOW;
      for (let step = 0; !RESTING.includes(status.state) && status.state !== "running"; step++) {
        const due = deadlines(status, TIMEOUTS)
          .filter(({ name }) => name in DEADLINE_INPUTS)
          .sort((a, b) => a.since + a.waitMs - (b.since + b.waitMs))[0];
        if (!due || step > 4) throw new Error(`${shapeOf(start)} is stuck as ${shapeOf(status)}`);
        now = Math.max(now, due.since + due.waitMs);
        const input = DEADLINE_INPUTS[due.name as keyof typeof DEADLINE_INPUTS];
        status = transition(status, facts, input, now).status;
      }
    }
  }
});

test("a launch that goes on failing by itself is given up after the limit, unless the node is to blame", () => {
  const automatic = STATUSES.find(
    (one) => shapeOf(one) === "starting launching automatic" && one.desiredPower === "running",
  )!;
  const facts = { ...FACTS[0]!, hasInstallWork: false, maxCrashes: 3, restartPolicy: "never" as const };
  for (const isNodeFault of [false, true]) {
    let status = automatic;
    let tries = 0;
    for (let now = NOW; tries < 20; tries++) {
      status = transition(status, facts, { type: "launch_failed", reason: "No.", isNodeFault }, now).status;
      expect(status.state).toBe("error");
      if (status.restartAt === null) break;
      expect(status.reason).toMatch(/^No\. Trying again in \d+ s\.$/);
      // What the spec says meanwhile takes nothing back, whatever the restart policy.
      status = transition(status, facts, { type: "spec" }, now).status;
      now = status.restartAt!;
      const again = transition(status, facts, { type: "restart_due" }, now);
      expect(again).toMatchObject({ effects: ["launch"], status: { isAutomatic: true } });
      status = again.status;
    }
    expect(tries).toBe(isNodeFault ? 20 : 2);
  }
});

test("the variants are of every state", () => {
  expect(Object.keys(VARIANTS).sort()).toEqual(
    ["crashed", "error", "installing", "running", "starting", "stopped", "stopping", "suspended"].sort(),
  );
});
