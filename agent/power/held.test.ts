import { describe, expect, test } from "vitest";
import { SERVER_STATES } from "../../protocol/server-state.ts";
import { firstStatus, type ServerStatus } from "./server-status.ts";
import { PLAIN_FACTS } from "./testing/every-status.ts";
import { type PowerInput, type SpecFacts, transition } from "./transitions.ts";

const NOW = 1_000_000;
const SPEC: PowerInput = { type: "spec" };
const HELD = { ...PLAIN_FACTS, isHeld: true };
const SUSPENDED = { ...PLAIN_FACTS, isSuspended: true };

const status = (change: Partial<ServerStatus>): ServerStatus => ({
  ...firstStatus("s", 0),
  installedGeneration: 1,
  runId: "run-1",
  desiredPowerAt: 400,
  ...change,
});
const RUNNING = status({ state: "running", desiredPower: "running", startedAt: NOW - 1_000 });
const exited = (exitCode: number): PowerInput => ({
  type: "exited",
  runId: "run-1",
  exit: { exitCode, signal: null, oomKilled: false, exitedAt: NOW },
});
const command = (action: "start" | "stop" | "restart" | "kill"): PowerInput => ({
  type: "command",
  action,
  issuedAt: 500,
});
const step = (from: ServerStatus, facts: SpecFacts, input: PowerInput) => transition(from, facts, input, NOW);

describe("a hold of the whole node", () => {
  test("stops what runs, and starts it again when it ends", () => {
    const stopping = step(RUNNING, HELD, SPEC);
    expect(stopping.effects).toEqual(["ask_to_stop"]);
    const held = step(stopping.status, HELD, exited(0));
    expect(held).toMatchObject({
      effects: [],
      status: {
        state: "stopped",
        isHeld: true,
        desiredPower: "running",
        reason: expect.stringContaining("maintenance"),
      },
    });
    expect(step(held.status, HELD, SPEC)).toEqual({ status: held.status, effects: [] });
    expect(step(held.status, PLAIN_FACTS, SPEC)).toMatchObject({ effects: ["launch"], status: { isHeld: false } });
  });

  test.each(SERVER_STATES)("refuses start and restart while %s, and changes nothing by that", (state) => {
    const before = status({ state, desiredPower: "running" });
    for (const action of ["start", "restart"] as const) {
      const refused = step(before, HELD, command(action));
      const code = state === "suspended" ? "SERVER_SUSPENDED" : "NODE_MAINTENANCE";
      expect(refused).toEqual({ status: before, effects: [], answer: { ok: false, code, error: expect.any(String) } });
    }
  });

  test("lets a server that was stopped, or had crashed for good, lie as it lay", () => {
    for (const lying of [
      status({ state: "stopped" }),
      status({ state: "crashed", desiredPower: "running" }),
      status({ state: "error", desiredPower: "running" }),
    ]) {
      const held = step(lying, HELD, SPEC);
      expect(held).toEqual({ status: lying, effects: [] });
      expect(step(held.status, PLAIN_FACTS, SPEC).effects).toEqual([]);
    }
  });

  test("a restart that was waited for waits for its end, and comes true then", () => {
    const waiting = step(RUNNING, PLAIN_FACTS, exited(42)).status;
    expect(waiting.restartAt).not.toBeNull();
    const held = step(waiting, HELD, SPEC);
    expect(held).toMatchObject({ effects: [], status: { state: "stopped", isHeld: true, restartAt: null } });
    expect(step(held.status, PLAIN_FACTS, SPEC).effects).toEqual(["launch"]);
  });

  test("an end of the game that comes before its stop is no crash", () => {
    expect(step(RUNNING, HELD, exited(1))).toMatchObject({ status: { state: "stopped", isHeld: true, crashCount: 0 } });
  });

  test("a stop during it is obeyed: the server stays down afterwards", () => {
    const held = status({ state: "stopped", desiredPower: "running", isHeld: true, reason: "maintenance" });
    const stopped = step(held, HELD, command("stop"));
    expect(stopped).toMatchObject({ answer: { ok: true }, status: { desiredPower: "stopped", reason: null } });
    expect(step(stopped.status, PLAIN_FACTS, SPEC)).toMatchObject({ effects: [], status: { state: "stopped" } });
  });

  test("a wish and an install that come meanwhile are carried out afterwards", () => {
    const wished = step(status({ state: "stopped" }), { ...HELD, desiredPower: "running", desiredPowerAt: 900 }, SPEC);
    expect(wished).toMatchObject({ effects: [], status: { isHeld: true, desiredPower: "running" } });
    expect(step(wished.status, PLAIN_FACTS, SPEC).effects).toEqual(["launch"]);
    const reinstall = step(status({ state: "stopped" }), { ...HELD, installGeneration: 2 }, SPEC);
    expect(reinstall).toMatchObject({ effects: [], status: { isHeld: true } });
    expect(step(reinstall.status, { ...PLAIN_FACTS, installGeneration: 2 }, SPEC).effects).toEqual(["install"]);
  });

  test("a reboot of the node during it starts nothing", () => {
    const lost = step(RUNNING, HELD, { type: "lost", hasNodeRebooted: true });
    expect(lost).toMatchObject({ effects: [], status: { state: "stopped", isHeld: true, desiredPower: "running" } });
  });

  test("a server that is suspended too comes back only when both have ended", () => {
    const held = status({ state: "stopped", desiredPower: "running", isHeld: true });
    const suspended = step(held, { ...HELD, isSuspended: true }, SPEC).status;
    expect(suspended).toMatchObject({ state: "suspended", desiredPower: "running" });
    expect(step(suspended, SUSPENDED, SPEC).effects).toEqual([]);
    const heldAgain = step(suspended, HELD, SPEC).status;
    expect(heldAgain).toMatchObject({ state: "stopped", isHeld: true });
    expect(step(heldAgain, PLAIN_FACTS, SPEC).effects).toEqual(["launch"]);
  });
});

describe.each([
  ["a hold", HELD, "stopped"],
  ["a suspension", SUSPENDED, "suspended"],
] as const)("%s during an install", (_what, barred, state) => {
  test("cuts it short, and it is done anew afterwards", () => {
    const installing = step(firstStatus("s", 0), PLAIN_FACTS, SPEC).status;
    const cut = step(installing, barred, SPEC);
    expect(cut.effects).toEqual(["abort_install"]);
    const ended = step(cut.status, barred, { type: "install_failed", generation: 1, reason: "It was cancelled." });
    expect(ended).toMatchObject({ effects: [], status: { state, failedInstallGeneration: 0 } });
    expect(step(ended.status, PLAIN_FACTS, SPEC)).toMatchObject({
      effects: ["install"],
      status: { state: "installing" },
    });
  });

  test("that was done in the same moment counts", () => {
    const installing = step(firstStatus("s", 0), PLAIN_FACTS, SPEC).status;
    const done = step(installing, barred, { type: "installed", generation: 1 });
    expect(done).toMatchObject({ effects: [], status: { state, installedGeneration: 1 } });
  });
});

describe.each([
  ["a hold", HELD, "stopped"],
  ["a suspension", SUSPENDED, "suspended"],
] as const)("%s over a restart of agent and node", (_what, barred, state) => {
  test("a run that is found all the same is stopped", () => {
    const resting = step(step(RUNNING, barred, SPEC).status, barred, exited(0)).status;
    expect(resting.state).toBe(state);
    const found = { type: "found_running", runId: "run-9", startedAt: NOW, bootIdentity: "b" } as const;
    const running = step(resting, barred, found).status;
    const stopping = step(running, barred, SPEC);
    expect(stopping).toMatchObject({ effects: ["ask_to_stop"], status: { state: "stopping", runId: "run-9" } });
    const again = step(stopping.status, barred, { ...exited(0), runId: "run-9" } as PowerInput).status;
    expect(again).toMatchObject({ state, desiredPower: "running" });
    expect(step(again, PLAIN_FACTS, SPEC).effects).toEqual(["launch"]);
  });

  test("a node that reboots in the middle starts nothing, and everything afterwards", () => {
    const lost = step(RUNNING, barred, { type: "lost", hasNodeRebooted: true });
    expect(lost).toMatchObject({ effects: [], status: { state } });
    expect(step(lost.status, PLAIN_FACTS, SPEC).effects).toEqual(["launch"]);
  });
});

test("a suspension that ends does not bring back what had crashed for good", () => {
  const crashed = status({ state: "crashed", desiredPower: "running" });
  const suspended = step(crashed, SUSPENDED, SPEC).status;
  expect(suspended).toMatchObject({ state: "suspended", desiredPower: "stopped", desiredPowerAt: 401 });
  expect(step(suspended, PLAIN_FACTS, SPEC)).toMatchObject({ effects: [], status: { state: "stopped" } });
});
