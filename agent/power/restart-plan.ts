/** Whether and when a server that ended without having been asked to is started again. Pure. */
import type { RestartPolicy } from "../../protocol/restart-policy.ts";
import type { ServerStatus } from "./server-status.ts";

export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 60_000;
/** A run as long as this was a good one: the next wait is the first again. */
export const BACKOFF_RESET_MS = 5 * 60_000;

export interface RestartRules {
  restartPolicy: RestartPolicy;
  maxCrashes: number;
  crashWindowMs: number;
}

export interface RestartPlan {
  restartAt: number | null;
  /** It would be restarted, had it not crashed too often. */
  isGivenUp: boolean;
  recentCrashes: number[];
  backoffStep: number;
}

/** What a manual start, or a reset, makes of the crashes so far. */
export const FORGIVEN = { crashCount: 0, recentCrashes: [] as number[], backoffStep: 0 };

export const backoffMs = (step: number): number => Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(step, 10), BACKOFF_MAX_MS);

/** Whether the policy brings a server back after such an end. */
export function restarts(policy: RestartPolicy, isCrash: boolean): boolean {
  return policy === "always" || (policy === "on-failure" && isCrash);
}

/**
 * @param isCrash false for an end with code 0: it counts towards no limit, but waits as long.
 * @param ranMs how long the run was; null when that is not known.
 */
export function planRestart(
  status: ServerStatus,
  rules: RestartRules,
  { isCrash, ranMs }: { isCrash: boolean; ranMs: number | null },
  now: number,
): RestartPlan {
  // By a clock that went back, crashes in the future are none.
  const kept = status.recentCrashes.filter((at) => at > now - rules.crashWindowMs && at <= now);
  const recentCrashes = isCrash ? [...kept, now].slice(-rules.maxCrashes) : kept;
  const step = ranMs !== null && ranMs >= BACKOFF_RESET_MS ? 0 : status.backoffStep;
  const rest = { restartAt: null, isGivenUp: false, recentCrashes, backoffStep: step };
  if (status.desiredPower !== "running" || !restarts(rules.restartPolicy, isCrash)) return rest;
  if (isCrash && recentCrashes.length >= rules.maxCrashes) return { ...rest, isGivenUp: true };
  return { ...rest, restartAt: now + backoffMs(step), backoffStep: step + 1 };
}

/**
 * When a launch that failed without anybody waiting for it is tried again. It counts towards the limit like a crash,
 * unless the node is to blame.
 */
export function planRelaunch(
  status: ServerStatus,
  rules: RestartRules,
  isNodeFault: boolean,
  now: number,
): RestartPlan {
  const kept = status.recentCrashes.filter((at) => at > now - rules.crashWindowMs && at <= now);
  const recentCrashes = isNodeFault ? kept : [...kept, now].slice(-rules.maxCrashes);
  const isGivenUp = !isNodeFault && recentCrashes.length >= rules.maxCrashes;
  const { backoffStep } = status;
  if (isGivenUp) return { restartAt: null, isGivenUp, recentCrashes, backoffStep };
  return { restartAt: now + backoffMs(backoffStep), isGivenUp, recentCrashes, backoffStep: backoffStep + 1 };
}

/** The sentence for the owner: why it could not be started, and what comes of it. */
export function relaunchWords(reason: string, plan: RestartPlan, rules: RestartRules, now: number): string {
  if (plan.restartAt !== null) return `${reason} Trying again in ${Math.round((plan.restartAt - now) / 1000)} s.`;
  return `${reason} It crashed or failed to start ${times(rules)} within ${span(rules.crashWindowMs)} and is not tried again; start it when the cause is mended.`;
}

const times = ({ maxCrashes }: RestartRules) => (maxCrashes === 1 ? "once" : `${maxCrashes} times`);

const span = (ms: number): string => {
  const seconds = Math.round(ms / 1000);
  if (seconds % 60 !== 0) return `${seconds} seconds`;
  return seconds === 60 ? "a minute" : `${seconds / 60} minutes`;
};

/** The sentence for the owner: how it ended, and what comes of it. */
export function planWords(words: string, plan: RestartPlan, rules: RestartRules, now: number): string {
  if (plan.restartAt !== null) return `${words}; restarting in ${Math.round((plan.restartAt - now) / 1000)} s.`;
  if (!plan.isGivenUp) return `${words}.`;
  return `${words}. It crashed ${times(rules)} within ${span(rules.crashWindowMs)} and is not restarted any more; start it when the cause is mended.`;
}
