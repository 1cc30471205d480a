/** What start, stop, restart and kill do in each state. Pure. */
import type { ErrorCode } from "../../protocol/errors.ts";
import type { PowerAction } from "../../protocol/server-state.ts";
import type { SpecFacts, Transition } from "./power-types.ts";
import { FORGIVEN } from "./restart-plan.ts";
import type { ServerStatus } from "./server-status.ts";
import { ALIVE, type Change, enter, SUSPENDED_NOTE, settle, stay } from "./settle.ts";

const HELD_REFUSAL = "The node of this server is under maintenance. It can be started again when that is over.";

export function accepted(transition: Transition, alreadyUnderWay = false): Transition {
  return { ...transition, answer: { ok: true, reply: { state: transition.status.state, alreadyUnderWay } } };
}

export function refused(status: ServerStatus, code: ErrorCode, error: string): Transition {
  return { status, effects: [], answer: { ok: false, code, error } };
}

function start(status: ServerStatus, facts: SpecFacts, now: number, desired: Change): Transition {
  if (facts.isSuspended || status.state === "suspended") return refused(status, "SERVER_SUSPENDED", SUSPENDED_NOTE);
  if (facts.isHeld) return refused(status, "NODE_MAINTENANCE", HELD_REFUSAL);
  if (status.state === "running") return refused(status, "SERVER_ALREADY_RUNNING", "This server is running already.");
  if (status.state === "starting") return accepted(stay({ ...status, ...desired }), true);
  if (status.state === "installing") {
    return refused(status, "SERVER_NOT_INSTALLED", "This server is still being installed.");
  }
  // Remembered: it starts as soon as the run before is over.
  if (status.state === "stopping" || status.isLingering) {
    return accepted(stay({ ...status, ...desired, ...FORGIVEN, next: "start" }), status.next === "start");
  }
  return accepted(settle({ ...status, ...desired, ...FORGIVEN, next: "start" }, facts, now));
}

/** A run that is still being launched is asked to stop as soon as it is there. */
export function beginStop(status: ServerStatus, now: number, next: ServerStatus["next"]): Transition {
  const { isLaunching } = status;
  const stopping = enter(status, "stopping", now, { next, isLaunching });
  return { status: stopping, effects: [isLaunching ? "abort_launch" : "ask_to_stop"] };
}

function stop(status: ServerStatus, now: number, desired: Change): Transition {
  const wanted = { ...status, ...desired };
  if (ALIVE.includes(status.state)) return accepted(beginStop(wanted, now, "rest"));
  if (status.state === "stopping") return accepted(stay({ ...wanted, next: "rest" }), true);
  if (status.isLingering) return accepted(stay({ ...wanted, next: "rest" }), true);
  if (status.restartAt !== null) return accepted(stay(enter(wanted, "stopped", now)));
  // A crashed or installing server may still be meant to run: stop says that it is not.
  const isAwaited = status.desiredPower === "running" || status.next === "start";
  if (!isAwaited) return refused(status, "SERVER_NOT_RUNNING", "This server is not running.");
  return accepted(stay({ ...wanted, next: "rest", ...(status.isHeld && { reason: null }) }));
}

/** An install that was asked to end has not long for it. */
export function cutInstall(status: ServerStatus, now: number): Transition {
  return { status: { ...status, stopAskedAt: status.stopAskedAt ?? now }, effects: ["abort_install"] };
}

function kill(status: ServerStatus, now: number, desired: Change): Transition {
  const wanted = { ...status, ...desired };
  if (ALIVE.includes(status.state) || status.state === "stopping") {
    const { isLaunching } = status;
    const killed = enter(wanted, "stopping", now, { isKilled: true, isLaunching });
    return accepted({ status: killed, effects: isLaunching ? ["abort_launch", "kill"] : ["kill"] });
  }
  if (status.state === "installing") {
    return accepted(cutInstall({ ...wanted, next: "rest" }, now));
  }
  // After an error something may have been left running.
  if (status.isLingering) return accepted({ status: { ...wanted, next: "rest" }, effects: ["kill"] });
  if (status.state === "error") {
    const rest = status.restartAt === null ? wanted : enter(wanted, "stopped", now);
    return accepted({ status: rest, effects: ["kill"] });
  }
  return stop(status, now, desired);
}

function restart(status: ServerStatus, facts: SpecFacts, now: number, desired: Change): Transition {
  if (ALIVE.includes(status.state) && !facts.isSuspended && !facts.isHeld) {
    return accepted(beginStop({ ...status, ...desired, ...FORGIVEN }, now, "start"));
  }
  return start(status, facts, now, desired);
}

export function command(
  status: ServerStatus,
  facts: SpecFacts,
  action: PowerAction,
  issuedAt: number,
  now: number,
): Transition {
  // A live command is always obeyed, even by a clock that went back; its time never does.
  const desiredPowerAt = Math.max(issuedAt, status.desiredPowerAt + 1);
  const running: Change = { desiredPower: "running", desiredPowerAt };
  const stopped: Change = { desiredPower: "stopped", desiredPowerAt };
  if (action === "start") return start(status, facts, now, running);
  if (action === "stop") return stop(status, now, stopped);
  if (action === "kill") return kill(status, now, stopped);
  return restart(status, facts, now, running);
}
