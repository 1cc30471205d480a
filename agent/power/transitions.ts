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
import { follow } from "./follow-spec.ts";
import { accepted, command, cutInstall, refused } from "./power-commands.ts";
import type { PowerInput, SpecFacts, Transition } from "./power-types.ts";
import { ended, exitFields, launchFailed } from "./run-ends.ts";
import type { ServerStatus } from "./server-status.ts";
import { enter, hasRun, isAtRest, settle, stay } from "./settle.ts";

export type * from "./power-types.ts";

const LAUNCH_OVERDUE_NOTE = "The node did not manage to start it in time.";
const LINGERING_NOTE =
  "It cannot be ended: the node's kernel does not let go of one of its processes. The node goes on trying.";

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
        const stopping = { ...status, ...run, enteredAt: now };
        return { status: stopping, effects: [status.isKilled ? "kill" : "ask_to_stop"] };
      }
      if (status.state !== "starting") {
        // Nobody waits for it any more.
        return { status, effects: status.state === "running" ? [] : ["kill"] };
      }
      if (facts.hasReadyPattern) return stay({ ...status, ...run });
      return stay(enter({ ...status, ...run }, "running", now));
    }
    case "launch_failed": {
      if (!status.isLaunching) return stay(status);
      return launchFailed(status, facts, { reason: input.reason, isNodeFault: input.isNodeFault ?? false }, now);
    }
    case "launch_overdue": {
      if (!status.isLaunching) return stay(status);
      const decided = launchFailed(status, facts, { reason: LAUNCH_OVERDUE_NOTE, isNodeFault: true }, now);
      return { ...decided, effects: ["abort_launch", "kill", ...decided.effects] };
    }
    case "ready":
    case "ready_overdue": {
      if (status.state !== "starting" || status.isLaunching) return stay(status);
      const reason = input.type === "ready" ? null : "It did not say that it is ready in time, but it runs.";
      return stay(enter(status, "running", now, { reason }));
    }
    case "stop_asked":
      return stay(status.state === "stopping" && !status.isLaunching ? { ...status, stopAskedAt: now } : status);
    case "stop_overdue":
      if (status.state !== "stopping" || status.isLaunching) return stay(status);
      return stay(
        enter(status, "error", now, { isLingering: true, next: status.next, reason: LINGERING_NOTE, startedAt: null }),
      );
    case "exited":
      // Until a launch is confirmed `runId` names the run before, whose end may be told once more.
      if (status.isLaunching || input.runId !== status.runId) return stay(status);
      if (!hasRun(status)) return stay(status);
      return ended(status, facts, input.exit, now);
    case "restart_due":
      return status.restartAt === null ? stay(status) : settle({ ...status, next: "start" }, facts, now, {}, true);
    case "lost":
      if (!hasRun(status) || status.isLaunching) return stay(status);
      if (!input.hasNodeRebooted || status.state === "stopping" || status.isLingering)
        return ended(status, facts, null, now);
      return settle(
        { ...status, ...exitFields(null), next: status.desiredPower === "running" ? "start" : "rest" },
        facts,
        now,
        { reason: "The node was restarted." },
        true,
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
      return accepted(cutInstall({ ...status, next: "rest" }, now));
    case "install_overdue": {
      if (status.state !== "installing") return stay(status);
      const failed = transition(status, facts, { ...input, type: "install_failed" }, now);
      return { ...failed, effects: ["abort_install", ...failed.effects] };
    }
    case "found_running": {
      if (status.isLingering) return { status, effects: ["kill"] };
      if (!isAtRest(status)) return stay(status);
      // Whatever it was started with, nobody here wrote it down.
      const run = { runId: input.runId, startedAt: input.startedAt, bootIdentity: input.bootIdentity, runFields: null };
      return stay(enter(status, "running", now, { ...run, reason: "It was found running." }));
    }
  }
}
