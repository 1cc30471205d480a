/** What the agent knows of one server and must still know after a power cut. Kept in the journal. */
import { z } from "zod";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import { idSchema } from "../../protocol/ids.ts";
import { pendingChangesSchema } from "../../protocol/resource-limits.ts";
import { desiredPowerSchema, serverStateSchema } from "../../protocol/server-state.ts";

export const serverStatusSchema = z.object({
  serverId: idSchema,
  state: serverStateSchema,
  reason: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  oomKilled: z.boolean(),
  crashCount: z.number().int().nonnegative(),
  startedAt: z.number().int().nullable(),
  desiredPower: desiredPowerSchema,
  desiredPowerAt: z.number().int().nonnegative(),
  installedGeneration: z.number().int().nonnegative(),
  /** The generation whose install failed: only a start or a newer generation tries again. */
  failedInstallGeneration: z.number().int().nonnegative(),
  /** The runtime's name of the run that this status speaks of; while `isLaunching`, of the one before. */
  runId: z.string().nullable(),
  /** Boot of the machine in which that run began: a run of an earlier boot is over, whatever was written down. */
  bootIdentity: z.string().nullable(),
  /** `starting`, and the runtime has not confirmed the run yet. */
  isLaunching: z.boolean(),
  /** What follows when the present stop or install is done. */
  next: z.enum(["rest", "start"]),
  /** When the present state was entered: its deadlines count from here. */
  enteredAt: z.number().int().nonnegative(),
  /** `installing`, and it was cut short then; or `stopping`, and the game was already asked to stop: asking twice can make a game quit without saving. */
  stopAskedAt: z.number().int().nullable(),
  /** `stopping`, and by force. */
  isKilled: z.boolean(),
  /** Console offset at the launch: the ready pattern is looked for from here on. */
  readyFrom: z.number().int().nonnegative(),
  // From here on with defaults: journals written before crashes were counted have none of them.
  /** Resting, and to be started again then. */
  restartAt: z.number().int().nullable().default(null),
  /** When it crashed of late: what the crash-loop limit counts. */
  recentCrashes: z.array(z.number().int()).default([]),
  /** How many restarts in a row were waited for longer and longer. */
  backoffStep: z.number().int().nonnegative().default(0),
  /** The last request to forget the crashes that was obeyed. */
  crashResetAt: z.number().int().nonnegative().default(0),
  /** At rest because its node is under maintenance; what it shall be afterwards is its desired power. */
  isHeld: z.boolean().default(false),
  /** `error`, and the last run could not be ended: the agent goes on trying, and `next` is what follows. */
  isLingering: z.boolean().default(false),
  /** `starting` by the agent's own decision. */
  isAutomatic: z.boolean().default(false),
  /** What the present run was started with, see `run-fields.ts`; null when its agent did not write that down yet. */
  runFields: z.record(z.string(), z.string()).nullable().default(null),
  pendingRestart: pendingChangesSchema.default([]),
  /** The spec's version that the run was launched with; null when a run was found that nobody remembers launching. */
  runSpecVersion: z.number().int().positive().nullable().default(null),
});
export type ServerStatus = z.infer<typeof serverStatusSchema>;

export function firstStatus(serverId: string, now: number): ServerStatus {
  return {
    serverId,
    state: "stopped",
    reason: null,
    exitCode: null,
    signal: null,
    oomKilled: false,
    crashCount: 0,
    startedAt: null,
    desiredPower: "stopped",
    desiredPowerAt: 0,
    installedGeneration: 0,
    failedInstallGeneration: 0,
    runId: null,
    bootIdentity: null,
    isLaunching: false,
    next: "rest",
    enteredAt: now,
    stopAskedAt: null,
    isKilled: false,
    readyFrom: 0,
    restartAt: null,
    recentCrashes: [],
    backoffStep: 0,
    crashResetAt: 0,
    isHeld: false,
    isLingering: false,
    isAutomatic: false,
    runFields: null,
    pendingRestart: [],
    runSpecVersion: null,
  };
}

const hasRun = ({ state }: ServerStatus) => state === "running" || state === "stopping";

/** The part of a status that the control plane is told. */
export function publicStatus(status: ServerStatus): Omit<ServerStateEvent, "type" | "seq" | "timestamp"> {
  return {
    serverId: status.serverId,
    state: status.state,
    reason: status.reason,
    exitCode: status.exitCode,
    signal: status.signal,
    oomKilled: status.oomKilled,
    crashCount: status.crashCount,
    // While it starts this would only double the event: nobody counts from it yet.
    startedAt: status.state === "starting" ? null : status.startedAt,
    desiredPower: status.desiredPower,
    desiredPowerAt: status.desiredPowerAt,
    installedGeneration: status.installedGeneration,
    ...(status.restartAt !== null && { restartAt: status.restartAt }),
    ...(status.pendingRestart.length > 0 && { pendingRestart: status.pendingRestart }),
    // As with `startedAt`: not while it starts.
    ...(status.runSpecVersion !== null && hasRun(status) && { runSpecVersion: status.runSpecVersion }),
  };
}
