import { expect, test } from "vitest";
import { POWER_ACTIONS, SERVER_STATES } from "../../../protocol/server-state.ts";
import { powerObstacle } from "./power.ts";

const possible = (state: (typeof SERVER_STATES)[number]) =>
  POWER_ACTIONS.filter((action) => powerObstacle(action, state, true) === null).join(" ");

test("each state offers exactly the actions that make sense in it", () => {
  expect(Object.fromEntries(SERVER_STATES.map((state) => [state, possible(state)]))).toEqual({
    installing: "",
    stopped: "start",
    starting: "stop restart kill",
    running: "stop restart kill",
    stopping: "start kill",
    crashed: "start",
    suspended: "",
    error: "start",
  });
});

test("a server that waits to be started again can be started at once, or stopped", () => {
  for (const state of ["crashed", "stopped"] as const) {
    const actions = POWER_ACTIONS.filter((action) => powerObstacle(action, state, true, { isWaiting: true }) === null);
    expect(actions).toEqual(["start", "stop"]);
  }
});

test("on a node under maintenance nothing starts, and what runs can still be ended", () => {
  for (const state of SERVER_STATES) {
    const actions = POWER_ACTIONS.filter((action) => powerObstacle(action, state, true, { isHeld: true }) === null);
    expect(actions.filter((action) => action === "start" || action === "restart")).toEqual([]);
  }
  expect(powerObstacle("stop", "running", true, { isHeld: true })).toBeNull();
});

test("nothing can be asked of an offline node", () => {
  for (const state of SERVER_STATES) {
    for (const action of POWER_ACTIONS) expect(powerObstacle(action, state, false)).toBe("The node is offline.");
  }
});
