/** What becomes of a server whose run, or whose launch, is over. Pure. */
import { exitWords } from "../../protocol/exit-words.ts";
import type { ExitStatus } from "../runtime/container-runtime.ts";
import type { SpecFacts, Transition } from "./power-types.ts";
import { planRelaunch, planRestart, planWords, relaunchWords } from "./restart-plan.ts";
import type { ServerStatus } from "./server-status.ts";
import { enter, settle, stay } from "./settle.ts";

export const exitFields = (exit: ExitStatus | null) => ({
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
export function ended(status: ServerStatus, facts: SpecFacts, exit: ExitStatus | null, now: number): Transition {
  const after = { ...status, ...exitFields(exit) };
  if (status.state === "stopping" || status.isLingering) return settle(after, facts, now);
  if (facts.isSuspended || facts.isHeld) return settle(after, facts, now);
  const ranMs = status.startedAt === null ? null : Math.max(Math.round(exit?.exitedAt ?? now) - status.startedAt, 0);
  if (exit?.exitCode === 0 && !exit.oomKilled) return endedCleanly(after, facts, ranMs, now);
  return crashed(after, facts, exit, ranMs, now);
}

/**
 * No run came of a launch. One that somebody asked for is answered by an error; one that the agent began by itself is
 * tried again: a node whose runtime is away for a while must not leave its servers down.
 */
export function launchFailed(
  status: ServerStatus,
  facts: SpecFacts,
  { reason, isNodeFault }: { reason: string; isNodeFault: boolean },
  now: number,
): Transition {
  if (status.state === "stopping" || facts.isSuspended || facts.isHeld) return settle(status, facts, now);
  const rest = { reason, startedAt: null };
  if (!status.isAutomatic || status.desiredPower !== "running") return stay(enter(status, "error", now, rest));
  const plan = planRelaunch(status, facts, isNodeFault, now);
  const { isGivenUp: _, ...planned } = plan;
  return stay(enter(status, "error", now, { ...rest, ...planned, reason: relaunchWords(reason, plan, facts, now) }));
}
