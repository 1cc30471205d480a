/**
 * The power state machine of one server, as a pure function: (status, facts, input, now) → new status, things to do,
 * answer to the one who asked. No input is ever invalid; one that does not fit the state changes nothing.
 *
 *     stopped ──start──► starting ──ready──► running ──stop──► stopping ──exit──► stopped
 *        ▲                  │ exit               │ exit            │ (next: start) └──► starting
 *        └── exit code 0 ◄──┴────────────────────┴──► crashed (any other end)
 *     stopped | crashed with a restart time ──restart_due──► starting (by the restart policy; a stop takes it back)
 *     installing ──► stopped | starting (next: start) | error          suspended ◄──► stopped
 *
 * A suspension, and a hold of the whole node, end whatever is under way by a stop; until they end nothing starts or
 * installs, and then the server returns to its desired power: what was running runs again.
 */
import type { PowerReply } from "../../protocol/agent-replies.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { exitWords } from "../../protocol/exit-words.ts";
import type { Crash } from "../../protocol/frames/shared.ts";
import type { DesiredPower, PowerAction, ServerState } from "../../protocol/server-state.ts";
import type { ExitStatus } from "../runtime/container-runtime.ts";
import { FORGIVEN, planRestart, planWords, type RestartRules, restarts } from "./restart-plan.ts";
import type { ServerStatus } from "./server-status.ts";

/** The part of the spec that decides. */
export interface SpecFacts extends RestartRules {
  isSuspended: boolean;
  /** The node is under maintenance. */
  isHeld: boolean;
  installGeneration: number;
  /** A script to run, or files to delete. */
  hasInstallWork: boolean;
  hasReadyPattern: boolean;
  desiredPower: DesiredPower;
  desiredPowerAt: number;
  crashResetAt: number;
}

export type PowerInput =
  | { type: "command"; action: PowerAction; issuedAt: number }
  /** The spec is new or changed; also said once at the start of the agent. */
  | { type: "spec" }
  | { type: "launched"; runId: string; startedAt: number; bootIdentity: string }
  | { type: "launch_failed"; reason: string }
  | { type: "ready" }
  | { type: "ready_overdue" }
  | { type: "stop_asked" }
  | { type: "exited"; runId: string; exit: ExitStatus }
  /** The wait before a restart is over. */
  | { type: "restart_due" }
  /** The run is over and how it ended cannot be known. */
  | { type: "lost"; hasNodeRebooted: boolean }
  | { type: "installed"; generation: number }
  | { type: "install_failed"; generation: number; reason: string }
  /** Somebody wants the install to end that is under way; answered like a command. */
  | { type: "cancel_install" }
  /** A run that the agent has no memory of. */
  | { type: "found_running"; runId: string; startedAt: number | null; bootIdentity: string };

export type Effect = "launch" | "ask_to_stop" | "kill" | "install" | "abort_install";

export type CommandAnswer = { ok: true; reply: PowerReply } | { ok: false; code: ErrorCode; error: string };

/** A crash as the state machine knows it; the actor adds its name and the console's last lines. */
export type CrashFacts = Omit<Crash, "id" | "lastLines">;

export interface Transition {
  status: ServerStatus;
  effects: Effect[];
  /** Only with the transition that is the crash. */
  crash?: CrashFacts;
  /** Only for commands and what is answered like them. */
  answer?: CommandAnswer;
}

const RESTING: readonly ServerState[] = ["stopped", "crashed", "error"];
const ALIVE: readonly ServerState[] = ["starting", "running"];

const SUSPENDED_NOTE = "This server is suspended.";
const HELD_NOTE = "Its node is under maintenance; it is started again afterwards.";
const HELD_REFUSAL = "The node of this server is under maintenance. It can be started again when that is over.";

type Change = Partial<ServerStatus>;

function enter(status: ServerStatus, state: ServerState, now: number, change: Change = {}): ServerStatus {
  const same = {
    reason: null,
    isLaunching: false,
    stopAskedAt: null,
    isKilled: false,
    next: "rest" as const,
    restartAt: null,
    isHeld: false,
  };
  return { ...status, ...same, state, enteredAt: now, ...change };
}

const stay = (status: ServerStatus): Transition => ({ status, effects: [] });

const begin = (status: ServerStatus, now: number): Transition => ({
  status: enter(status, "starting", now, { isLaunching: true, startedAt: null }),
  effects: ["launch"],
});

const isOutdated = (status: ServerStatus, facts: SpecFacts) => status.installedGeneration < facts.installGeneration;
const needsInstall = (status: ServerStatus, facts: SpecFacts) => facts.hasInstallWork && isOutdated(status, facts);
/** Without work there is nothing to do for an install but to remember it. */
const counted = (status: ServerStatus, facts: SpecFacts): ServerStatus =>
  isOutdated(status, facts) && !facts.hasInstallWork
    ? { ...status, installedGeneration: facts.installGeneration }
    : status;

function beginInstall(status: ServerStatus, now: number, next: ServerStatus["next"]): Transition {
  return { status: enter(status, "installing", now, { next, startedAt: null }), effects: ["install"] };
}

/** Where a server goes that has nothing running: the one place that decides what comes after a stop or an install. */
function settle(status: ServerStatus, facts: SpecFacts, now: number, restAs: Change = {}): Transition {
  if (facts.isSuspended) return stay(enter(status, "suspended", now, { startedAt: null, reason: SUSPENDED_NOTE }));
  if (facts.isHeld) {
    const note = status.desiredPower === "running" ? { reason: HELD_NOTE } : restAs;
    return stay(enter(status, "stopped", now, { startedAt: null, ...note, isHeld: true }));
  }
  if (needsInstall(status, facts)) return beginInstall(status, now, status.next);
  if (status.next === "start") return begin(status, now);
  return stay(enter(status, "stopped", now, { startedAt: null, ...restAs }));
}

const exitFields = (exit: ExitStatus | null) => ({
  exitCode: exit?.exitCode ?? null,
  signal: exit?.signal ?? null,
  oomKilled: exit?.oomKilled ?? false,
});

/** It ended from within, for example by a `stop` typed into its console. */
function endedCleanly(status: ServerStatus, facts: SpecFacts, ranMs: number | null, now: number): Transition {
  const plan = planRestart(status, facts, { isCrash: false, ranMs }, now);
  const { isGivenUp: _, ...planned } = plan;
  if (plan.restartAt !== null) {
    const reason = planWords("It ended by itself", plan, facts, now);
    return stay(enter(status, "stopped", now, { ...planned, reason, startedAt: null }));
  }
  // Nobody wants it back at the next boot. This supersedes exactly the request it obeyed, so that any later request
  // still wins.
  const rest = { ...status, desiredPower: "stopped" as const, desiredPowerAt: status.desiredPowerAt + 1 };
  const reason = status.state === "starting" ? "It ended before it was ready." : "It ended by itself.";
  return settle({ ...rest, next: "rest" }, facts, now, { reason });
}

function crashed(
  status: ServerStatus,
  facts: SpecFacts,
  exit: ExitStatus | null,
  ranMs: number | null,
  now: number,
): Transition {
  const crashCount = status.crashCount + 1;
  const plan = planRestart(status, facts, { isCrash: true, ranMs }, now);
  const { isGivenUp: _, ...planned } = plan;
  const reason = planWords(exitWords(status), plan, facts, now);
  return {
    status: enter(status, "crashed", now, { ...planned, reason, crashCount, startedAt: null }),
    effects: [],
    crash: {
      at: Math.min(Math.round(exit?.exitedAt ?? now), now),
      ...exitFields(exit),
      runTimeMs: ranMs,
      crashCount,
      restartAt: plan.restartAt,
    },
  };
}

/** The run of this server is over; `exit` is null when nobody knows how. */
function ended(status: ServerStatus, facts: SpecFacts, exit: ExitStatus | null, now: number): Transition {
  const after = { ...status, ...exitFields(exit) };
  if (status.state === "stopping") return settle(after, facts, now);
  if (facts.isSuspended || facts.isHeld) return settle(after, facts, now);
  const ranMs = status.startedAt === null ? null : Math.max(Math.round(exit?.exitedAt ?? now) - status.startedAt, 0);
  if (exit?.exitCode === 0 && !exit.oomKilled) return endedCleanly(after, facts, ranMs, now);
  return crashed(after, facts, exit, ranMs, now);
}

function accepted(transition: Transition, alreadyUnderWay = false): Transition {
  return { ...transition, answer: { ok: true, reply: { state: transition.status.state, alreadyUnderWay } } };
}

function refused(status: ServerStatus, code: ErrorCode, error: string): Transition {
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
  if (status.state === "stopping") {
    if (status.next === "start") return accepted(stay({ ...status, ...desired }), true);
    return refused(status, "POWER_BUSY", "This server is stopping; start it when it has stopped.");
  }
  return accepted(settle({ ...status, ...desired, ...FORGIVEN, next: "start" }, facts, now));
}

/** A run that is still being launched is asked to stop as soon as it is there. */
function beginStop(status: ServerStatus, now: number, next: ServerStatus["next"]): Transition {
  const { isLaunching } = status;
  const stopping = enter(status, "stopping", now, { next, isLaunching });
  return { status: stopping, effects: isLaunching ? [] : ["ask_to_stop"] };
}

function stop(status: ServerStatus, now: number, desired: Change): Transition {
  const wanted = { ...status, ...desired };
  if (ALIVE.includes(status.state)) return accepted(beginStop(wanted, now, "rest"));
  if (status.state === "stopping") return accepted(stay({ ...wanted, next: "rest" }), true);
  if (status.restartAt !== null) return accepted(stay(enter(wanted, "stopped", now)));
  // A crashed or installing server may still be meant to run: stop says that it is not.
  const isAwaited = status.desiredPower === "running" || status.next === "start";
  if (!isAwaited) return refused(status, "SERVER_NOT_RUNNING", "This server is not running.");
  return accepted(stay({ ...wanted, next: "rest", ...(status.isHeld && { reason: null }) }));
}

function kill(status: ServerStatus, now: number, desired: Change): Transition {
  const wanted = { ...status, ...desired };
  if (ALIVE.includes(status.state) || status.state === "stopping") {
    const { isLaunching } = status;
    const killed = enter(wanted, "stopping", now, { isKilled: true, isLaunching });
    return accepted({ status: killed, effects: ["kill"] });
  }
  if (status.state === "installing") {
    return accepted({ status: { ...wanted, next: "rest" }, effects: ["abort_install"] });
  }
  // After an error something may have been left running.
  if (status.state === "error") return accepted({ status: wanted, effects: ["kill"] });
  return stop(status, now, desired);
}

function restart(status: ServerStatus, facts: SpecFacts, now: number, desired: Change): Transition {
  if (ALIVE.includes(status.state) && !facts.isSuspended && !facts.isHeld) {
    return accepted(beginStop({ ...status, ...desired, ...FORGIVEN }, now, "start"));
  }
  return start(status, facts, now, desired);
}

function command(
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

/** Brings the server towards its spec. */
function follow(status: ServerStatus, facts: SpecFacts, now: number): Transition {
  const isNewWish = facts.desiredPowerAt > status.desiredPowerAt;
  const wish: Change = isNewWish ? { desiredPower: facts.desiredPower, desiredPowerAt: facts.desiredPowerAt } : {};
  const isNewReset = facts.crashResetAt > status.crashResetAt;
  const reset: Change = isNewReset ? { ...FORGIVEN, crashResetAt: facts.crashResetAt } : {};
  const wished = counted({ ...status, ...wish, ...reset }, facts);
  const isWanted = wished.desiredPower === "running" && !facts.isSuspended;
  const needs = needsInstall(wished, facts);
  const isBarred = facts.isSuspended || facts.isHeld;

  if (ALIVE.includes(status.state)) {
    if (isWanted && !needs && !isBarred) return stay(wished);
    // Files that are about to be made anew, a suspension, a hold or a newer wish: all begin with a stop.
    return beginStop(wished, now, isWanted ? "start" : "rest");
  }
  // Nothing is left half installed: it is installed anew afterwards.
  if (status.state === "installing" && isBarred) return { status: wished, effects: ["abort_install"] };
  if (status.state === "stopping" || status.state === "installing") {
    return stay(isNewWish ? { ...wished, next: isWanted ? "start" : "rest" } : wished);
  }
  if (facts.isSuspended && status.state !== "suspended") {
    // One that lay crashed and was not coming back does not come back by a suspension that ends.
    const layDown = RESTING.includes(status.state) && status.restartAt === null && !status.isHeld && !isNewWish;
    const rest: Change = layDown ? { desiredPower: "stopped", desiredPowerAt: wished.desiredPowerAt + 1 } : {};
    return settle({ ...wished, ...(wished.desiredPower === "running" && rest) }, facts, now);
  }
  if (facts.isSuspended) return stay(wished);
  if (status.state === "suspended") return settle({ ...wished, next: isWanted ? "start" : "rest" }, facts, now);

  if (status.isHeld && !facts.isHeld) return settle({ ...wished, next: isWanted ? "start" : "rest" }, facts, now);
  const mayInstall = needs && wished.failedInstallGeneration < facts.installGeneration;
  if (facts.isHeld) {
    const waits = !status.isHeld && (mayInstall || status.restartAt !== null || (isNewWish && isWanted));
    return waits ? settle(wished, facts, now) : stay(wished);
  }
  if (isNewWish && isWanted) return settle({ ...wished, ...FORGIVEN, next: "start" }, facts, now);
  if (mayInstall) return settle({ ...wished, next: isWanted ? "start" : "rest" }, facts, now);
  if (status.restartAt === null) return stay(wished);
  if (!isWanted) return stay(enter(wished, "stopped", now));
  const isCrash = status.state === "crashed";
  if (restarts(facts.restartPolicy, isCrash)) return stay(wished);
  return stay({ ...wished, restartAt: null, reason: `${isCrash ? exitWords(status) : "It ended by itself"}.` });
}

export function transition(status: ServerStatus, facts: SpecFacts, input: PowerInput, now: number): Transition {
  switch (input.type) {
    case "command":
      return command(status, facts, input.action, input.issuedAt, now);
    case "spec":
      return follow(status, facts, now);
    case "launched": {
      const { runId, startedAt, bootIdentity } = input;
      const run = { runId, startedAt, bootIdentity, isLaunching: false };
      // Stopped while it was being launched: only now there is something to stop.
      if (status.state === "stopping" && status.isLaunching) {
        return { status: { ...status, ...run }, effects: [status.isKilled ? "kill" : "ask_to_stop"] };
      }
      if (status.state !== "starting") {
        // Nobody waits for it any more.
        return { status, effects: status.state === "running" ? [] : ["kill"] };
      }
      if (facts.hasReadyPattern) return stay({ ...status, ...run });
      return stay(enter({ ...status, ...run }, "running", now));
    }
    case "launch_failed":
      if (status.state === "stopping") return settle(status, facts, now);
      if (status.state !== "starting") return stay(status);
      return stay(enter(status, "error", now, { reason: input.reason, startedAt: null }));
    case "ready":
    case "ready_overdue": {
      if (status.state !== "starting" || status.isLaunching) return stay(status);
      const reason = input.type === "ready" ? null : "It did not say that it is ready in time, but it runs.";
      return stay(enter(status, "running", now, { reason }));
    }
    case "stop_asked":
      return stay(status.state === "stopping" ? { ...status, stopAskedAt: now } : status);
    case "exited":
      // Until a launch is confirmed `runId` names the run before, whose end may be told once more.
      if (status.isLaunching || input.runId !== status.runId) return stay(status);
      if (!(ALIVE.includes(status.state) || status.state === "stopping")) {
        return stay(status);
      }
      return ended(status, facts, input.exit, now);
    case "restart_due":
      return status.restartAt === null ? stay(status) : settle({ ...status, next: "start" }, facts, now);
    case "lost":
      if (!(ALIVE.includes(status.state) || status.state === "stopping") || status.isLaunching) return stay(status);
      if (!input.hasNodeRebooted || status.state === "stopping") return ended(status, facts, null, now);
      return settle(
        { ...status, ...exitFields(null), next: status.desiredPower === "running" ? "start" : "rest" },
        facts,
        now,
        {
          reason: "The node was restarted.",
        },
      );
    case "installed":
      if (status.state !== "installing") return stay(status);
      return settle({ ...status, installedGeneration: input.generation }, facts, now);
    case "install_failed":
      if (status.state !== "installing") return stay(status);
      // It was cut short, and says nothing of the script.
      if (facts.isSuspended || facts.isHeld) return settle(status, facts, now);
      return stay(enter(status, "error", now, { reason: input.reason, failedInstallGeneration: input.generation }));
    case "cancel_install":
      if (status.state !== "installing") return refused(status, "CONFLICT", "This server is not being installed.");
      return accepted({ status: { ...status, next: "rest" }, effects: ["abort_install"] });
    case "found_running": {
      if (!RESTING.includes(status.state) && status.state !== "suspended") return stay(status);
      // Whatever it was started with, nobody here wrote it down.
      const run = { runId: input.runId, startedAt: input.startedAt, bootIdentity: input.bootIdentity, runFields: null };
      return stay(enter(status, "running", now, { ...run, reason: "It was found running." }));
    }
  }
}
