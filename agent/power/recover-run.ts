/** What an agent that has just started does about a server, by what was written down and what the runtime says. Pure. */
import type { RuntimeStatus } from "../runtime/container-runtime.ts";
import { CANCELLED_WORDS } from "./install-server.ts";
import type { Effect, PowerInput } from "./power-types.ts";
import type { ServerStatus } from "./server-status.ts";
import { hasRun } from "./settle.ts";

/** A run that the runtime has, as a status names it. */
export interface FoundRun {
  runId: string;
  startedAt: number;
  bootIdentity: string;
}

export type RecoveryStep =
  | { type: "input"; input: PowerInput }
  | { type: "effect"; effect: Effect }
  /** The status speaks of this run from now on, though nobody remembers launching it. */
  | { type: "adopt"; run: FoundRun };

export interface RecoveryFacts {
  /** Which boot of the machine this is. */
  bootIdentity: string;
  installGeneration: number;
  /** Epoch ms; stands for the start of a run whose start the runtime does not know. */
  now: number;
}

const input = (step: PowerInput): RecoveryStep => ({ type: "input", input: step });
const effect = (name: Effect): RecoveryStep => ({ type: "effect", effect: name });

/**
 * @param found null when the runtime knows nothing of this server.
 * @returns what is to be done, in this order; nothing when what was written down still holds.
 */
export function recoverRun(status: ServerStatus, found: RuntimeStatus | null, facts: RecoveryFacts): RecoveryStep[] {
  if (status.state === "installing") {
    if (status.stopAskedAt === null) return [effect("install")];
    return [input({ type: "install_failed", generation: facts.installGeneration, reason: CANCELLED_WORDS })];
  }
  const isExpected = hasRun(status);
  if (found?.isRunning) {
    const run = runOf(found, facts);
    return isExpected ? takeUp(status, run) : [input({ type: "found_running", ...run })];
  }
  return isExpected ? concludeRun(status, found, facts) : [];
}

function runOf({ runId, startedAt }: RuntimeStatus, { bootIdentity, now }: RecoveryFacts): FoundRun {
  return { runId, startedAt: startedAt ?? now, bootIdentity };
}

/** It was to run and does, or was to end and has not yet: goes on from there. */
function takeUp(status: ServerStatus, run: FoundRun): RecoveryStep[] {
  if (status.isLaunching) return [input({ type: "launched", ...run })];
  const adopted: RecoveryStep[] = status.runId === run.runId ? [] : [{ type: "adopt", run }];
  if (status.isLingering) return [...adopted, effect("kill")];
  if (status.state !== "stopping") return adopted;
  if (status.isKilled) return [...adopted, effect("kill")];
  return status.stopAskedAt === null ? [...adopted, effect("ask_to_stop")] : adopted;
}

/** It was to run, or to end, and does not run. */
function concludeRun(status: ServerStatus, found: RuntimeStatus | null, facts: RecoveryFacts): RecoveryStep[] {
  const hasNewRun = found !== null && found.runId !== status.runId;
  if (status.isLaunching && !(hasNewRun && found.exit)) {
    // The agent ended between deciding and doing, or the runtime between preparing and starting.
    return [status.state === "starting" ? effect("launch") : input({ type: "launch_failed", reason: "" })];
  }
  const launched = status.isLaunching && found ? [input({ type: "launched", ...runOf(found, facts) })] : [];
  const hasNodeRebooted = !hasNewRun && status.bootIdentity !== facts.bootIdentity;
  if (hasNodeRebooted || !found?.exit) return [...launched, input({ type: "lost", hasNodeRebooted })];
  return [...launched, input({ type: "exited", runId: found.runId, exit: found.exit })];
}
