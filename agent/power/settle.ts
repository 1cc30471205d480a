/** How a server enters its states. Pure. */
import type { ServerState } from "../../protocol/server-state.ts";
import type { SpecFacts, Transition } from "./power-types.ts";
import type { ServerStatus } from "./server-status.ts";

export const RESTING: readonly ServerState[] = ["stopped", "crashed", "error"];
export const ALIVE: readonly ServerState[] = ["starting", "running"];

type Whereabouts = Pick<ServerStatus, "state" | "isLingering">;

/** Something of it runs, or should. */
export const hasRun = ({ state, isLingering }: Whereabouts): boolean =>
  ALIVE.includes(state) || state === "stopping" || isLingering;

/** Nothing of it runs or is being installed, as far as is known. */
export const isAtRest = (status: Whereabouts): boolean => status.state !== "installing" && !hasRun(status);

export const SUSPENDED_NOTE = "This server is suspended.";
const HELD_NOTE = "Its node is under maintenance; it is started again afterwards.";

export type Change = Partial<ServerStatus>;

export function enter(status: ServerStatus, state: ServerState, now: number, change: Change = {}): ServerStatus {
  const same = {
    reason: null,
    isLaunching: false,
    stopAskedAt: null,
    isKilled: false,
    next: "rest" as const,
    restartAt: null,
    isHeld: false,
    isLingering: false,
    isAutomatic: false,
  };
  return { ...status, ...same, state, enteredAt: now, ...change };
}

export const stay = (status: ServerStatus): Transition => ({ status, effects: [] });

/** @param isAutomatic nobody waits for it: a failure is not the last word. */
const begin = (status: ServerStatus, now: number, isAutomatic: boolean): Transition => ({
  status: enter(status, "starting", now, { isLaunching: true, startedAt: null, isAutomatic }),
  effects: ["launch"],
});

const isOutdated = (status: ServerStatus, facts: SpecFacts) => status.installedGeneration < facts.installGeneration;
export const needsInstall = (status: ServerStatus, facts: SpecFacts) =>
  facts.hasInstallWork && isOutdated(status, facts);
/** Without work there is nothing to do for an install but to remember it. */
export const counted = (status: ServerStatus, facts: SpecFacts): ServerStatus =>
  isOutdated(status, facts) && !facts.hasInstallWork
    ? { ...status, installedGeneration: facts.installGeneration }
    : status;

function beginInstall(status: ServerStatus, now: number, next: ServerStatus["next"]): Transition {
  return { status: enter(status, "installing", now, { next, startedAt: null }), effects: ["install"] };
}

/** Where a server goes that has nothing running: the one place that decides what comes after a stop or an install. */
export function settle(
  status: ServerStatus,
  facts: SpecFacts,
  now: number,
  restAs: Change = {},
  isAutomatic = false,
): Transition {
  if (facts.isSuspended) return stay(enter(status, "suspended", now, { startedAt: null, reason: SUSPENDED_NOTE }));
  if (facts.isHeld) {
    const note = status.desiredPower === "running" ? { reason: HELD_NOTE } : restAs;
    return stay(enter(status, "stopped", now, { startedAt: null, ...note, isHeld: true }));
  }
  if (needsInstall(status, facts)) return beginInstall(status, now, status.next);
  if (status.next === "start") return begin(status, now, isAutomatic);
  return stay(enter(status, "stopped", now, { startedAt: null, ...restAs }));
}
