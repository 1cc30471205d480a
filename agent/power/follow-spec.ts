/** Brings a server towards its spec, whenever that changes and whenever the agent starts. Pure. */
import { exitWords } from "../../protocol/exit-words.ts";
import { beginStop, cutInstall } from "./power-commands.ts";
import type { SpecFacts, Transition } from "./power-types.ts";
import { FORGIVEN, restarts } from "./restart-plan.ts";
import type { ServerStatus } from "./server-status.ts";
import { ALIVE, type Change, counted, enter, needsInstall, RESTING, settle, stay } from "./settle.ts";

export function follow(status: ServerStatus, facts: SpecFacts, now: number): Transition {
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
  if (status.state === "installing" && isBarred) return cutInstall(wished, now);
  if (status.state === "stopping" || status.state === "installing" || status.isLingering) {
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
  // A launch that failed is tried again whatever the policy says of ends: the server was to run.
  if (status.state === "error") return stay(wished);
  const isCrash = status.state === "crashed";
  if (restarts(facts.restartPolicy, isCrash)) return stay(wished);
  return stay({ ...wished, restartAt: null, reason: `${isCrash ? exitWords(status) : "It ended by itself"}.` });
}
