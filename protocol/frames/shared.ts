import { z } from "zod";
import { ERROR_CODES } from "../errors.ts";
import { correlationIdSchema, idSchema } from "../ids.ts";
import { CRASH_TEXT_MAX_BYTES } from "../limits.ts";
import { pendingChangesSchema } from "../resource-limits.ts";
import { desiredPowerSchema, serverStateSchema } from "../server-state.ts";

/** Byte offset or length in a server's console log. Offsets are absolute: they never restart, not even when the log rotates. */
export const byteCountSchema = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** Milliseconds since 1970 (UTC). */
export const epochMsSchema = z.number().int().nonnegative();
export const errorCodeSchema = z.enum(ERROR_CODES);

export const DISK_STATES = ["ok", "nearly_full", "full"] as const;
/** How full a server's disk is: nearly from 90 % on, with some slack on the way back so that it does not flap. */
export const diskStateSchema = z.enum(DISK_STATES);
export type DiskState = z.infer<typeof diskStateSchema>;

/** Live figures of one server. */
export const resourceStatsSchema = z.object({
  type: z.literal("resource_stats"),
  serverId: idSchema,
  /** 100 is one whole core. */
  cpuPercent: z.number().nonnegative(),
  memoryBytes: byteCountSchema,
  /** 0 when unlimited. */
  memoryLimitBytes: byteCountSchema,
  networkRxBytes: byteCountSchema,
  networkTxBytes: byteCountSchema,
  /** Under a hard limit with what the file system keeps for itself: a full disk uses all of its limit. */
  diskBytes: byteCountSchema,
  /** The limit in force; 0 when unlimited. */
  diskLimitBytes: byteCountSchema,
  /** `hard`: nothing can be written beyond it. `soft`: it is measured, and refuses the next start. */
  diskLimitKind: z.enum(["hard", "soft"]).optional(),
  diskState: diskStateSchema.optional(),
  /** A sentence for the owner: why the limit in force is not the one that was set, or what is wrong with the disk. */
  diskNotice: z.string().max(500).nullable().optional(),
  processCount: z.number().int().nonnegative(),
  /** 0 when the server is not running. */
  uptimeMs: z.number().nonnegative(),
  timestamp: epochMsSchema,
});
export type ResourceStats = z.infer<typeof resourceStatsSchema>;

/** Health of a node, in the seed's units. */
export const healthReportSchema = z.object({
  type: z.literal("health_report"),
  nodeId: idSchema,
  cpuPercent: z.number().nonnegative(),
  memoryUsageMb: z.number().nonnegative(),
  memoryTotalMb: z.number().nonnegative(),
  diskUsageMb: z.number().nonnegative(),
  diskTotalMb: z.number().nonnegative(),
  containerCount: z.number().int().nonnegative(),
  uptimeSeconds: z.number().nonnegative(),
  loadAverage: z.array(z.number()).length(3).optional(),
  agentMemoryMb: z.number().nonnegative().optional(),
  timestamp: epochMsSchema.optional(),
});
export type HealthReport = z.infer<typeof healthReportSchema>;

/** How a run ended that nobody had asked to end. */
export const crashSchema = z.object({
  /** New for every crash, made by the agent: the same crash told twice is kept once. */
  id: correlationIdSchema,
  at: epochMsSchema,
  /** Null when the agent was away and nobody knows. */
  exitCode: z.number().int().nullable(),
  signal: z.string().max(20).nullable(),
  oomKilled: z.boolean(),
  /** From the start to the end of the run; null when the start is not known. */
  runTimeMs: z.number().int().nonnegative().nullable(),
  /** With this one, since the last manual start or reset. */
  crashCount: z.number().int().positive(),
  /** When the agent starts it again; null when it does not. */
  restartAt: epochMsSchema.nullable(),
  /** The end of what the run wrote to its console: at most `CRASH_LINES_MAX` lines and `CRASH_TEXT_MAX_BYTES`. */
  lastLines: z.string().max(CRASH_TEXT_MAX_BYTES),
});
export type Crash = z.infer<typeof crashSchema>;

/**
 * A change of a server's observed state, as the agent saw it.
 *
 * `seq` numbers the events of one node, each higher than the one before. The agent keeps each event on disk until the hub acknowledged
 * it, and sends unacknowledged ones again after a reconnect; the hub drops those it has seen.
 */
export const serverStateEventSchema = z.object({
  type: z.literal("server_state"),
  seq: z.number().int().positive(),
  serverId: idSchema,
  state: serverStateSchema,
  /** A sentence for the owner, or null. */
  reason: z.string().max(1000).nullable(),
  /** Of the last exit; null while the server never exited. */
  exitCode: z.number().int().nullable(),
  /** Name of the signal that ended it, such as SIGSEGV. */
  signal: z.string().max(20).nullable(),
  oomKilled: z.boolean(),
  crashCount: z.number().int().nonnegative(),
  startedAt: epochMsSchema.nullable(),
  desiredPower: desiredPowerSchema,
  /** When the control plane issued the power request that the agent obeys; the later one wins. */
  desiredPowerAt: epochMsSchema,
  /** The install generation that the files on the node come from; 0 before the first install. */
  installedGeneration: z.number().int().nonnegative(),
  timestamp: epochMsSchema,
  /** While it waits to be started again by its restart policy: when that will be. */
  restartAt: epochMsSchema.optional(),
  /** What was changed since the present run began and waits for the next start; left out when nothing does. */
  pendingRestart: pendingChangesSchema.optional(),
  /** The version of the server's spec that the present run was started with, once it runs. */
  runSpecVersion: z.number().int().positive().optional(),
  /** Only with the event of the crash itself. */
  crash: crashSchema.optional(),
});
export type ServerStateEvent = z.infer<typeof serverStateEventSchema>;
