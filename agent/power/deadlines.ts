/**
 * What each state must not last longer than. Pure: the same status has the same deadlines whoever looks, so an agent
 * that comes back waits only for the rest of the time.
 */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { ServerStatus } from "./server-status.ts";

/** Between SIGTERM and SIGKILL, and between repeated SIGKILLs of something that will not go. */
export const KILL_GRACE_MS = 10_000;
/** A launch may have to pull an image first, which has half an hour for it. */
export const LAUNCH_DEADLINE_MS = 35 * 60_000;
/** A launch that was called off has no more to do than what it had begun. */
export const CANCELLED_LAUNCH_DEADLINE_MS = 2 * 60_000;
/** An install that was cut short has its container to lose. */
export const CANCELLED_INSTALL_DEADLINE_MS = 30_000;
/** What lives so long after the first SIGKILL is in the kernel's hands; the server is not kept `stopping` for it. */
export const UNKILLABLE_MS = 60_000;
/** Between further SIGKILLs of that. */
export const LINGERING_KILL_MS = 30_000;

export type DeadlineName =
  | "launch_overdue"
  | "ready_overdue"
  | "terminate"
  | "kill"
  | "stop_overdue"
  | "install_overdue"
  | "restart_due";

export interface Deadline {
  name: DeadlineName;
  /** Counted from here, in milliseconds since 1970. */
  since: number;
  waitMs: number;
  /** An agent that comes back late waits at least so long: what it does first must have time to work. */
  leastMs?: number;
  /** Comes again each time so much later. */
  everyMs?: number;
}

type Timeouts = Pick<ServerSpec, "startTimeoutSeconds" | "stopTimeoutSeconds" | "installTimeoutSeconds">;

function phaseDeadlines(status: ServerStatus, spec: Timeouts): Deadline[] {
  const since = status.enteredAt;
  switch (status.state) {
    case "starting":
      if (status.isLaunching) return [{ name: "launch_overdue", since, waitMs: LAUNCH_DEADLINE_MS }];
      return [{ name: "ready_overdue", since: status.startedAt ?? since, waitMs: spec.startTimeoutSeconds * 1000 }];
    case "stopping": {
      if (status.isLaunching) return [{ name: "launch_overdue", since, waitMs: CANCELLED_LAUNCH_DEADLINE_MS }];
      const patienceMs = status.isKilled ? 0 : spec.stopTimeoutSeconds * 1000;
      const killMs = patienceMs + KILL_GRACE_MS;
      return [
        ...(status.isKilled ? [] : [{ name: "terminate" as const, since, waitMs: patienceMs }]),
        { name: "kill", since, waitMs: killMs, everyMs: KILL_GRACE_MS },
        { name: "stop_overdue", since, waitMs: killMs + UNKILLABLE_MS, leastMs: KILL_GRACE_MS },
      ];
    }
    case "installing":
      return [
        { name: "install_overdue", since, waitMs: spec.installTimeoutSeconds * 1000 },
        ...(status.stopAskedAt === null
          ? []
          : [
              {
                name: "install_overdue" as const,
                since: status.stopAskedAt,
                waitMs: CANCELLED_INSTALL_DEADLINE_MS,
              },
            ]),
      ];
    default:
      if (!status.isLingering) return [];
      return [{ name: "kill", since, waitMs: LINGERING_KILL_MS, everyMs: LINGERING_KILL_MS }];
  }
}

export function deadlines(status: ServerStatus, spec: Timeouts): Deadline[] {
  const { restartAt, enteredAt } = status;
  const restart: Deadline[] =
    restartAt === null ? [] : [{ name: "restart_due", since: enteredAt, waitMs: restartAt - enteredAt }];
  return [...phaseDeadlines(status, spec), ...restart];
}
