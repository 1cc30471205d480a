import { z } from "zod";
import { idSchema } from "./ids.ts";
import { CRASH_WINDOW_SECONDS_DEFAULT, MAX_CRASHES_DEFAULT } from "./limits.ts";
import { networkModeSchema, poolNetworkSchema } from "./network.ts";
import {
  cpuPinningSchema,
  ioWeightSchema,
  memoryHeadroomMbSchema,
  OPEN_FILES_LIMIT_DEFAULT,
  openFilesLimitSchema,
  swapMbSchema,
} from "./resource-limits.ts";
import {
  crashWindowSecondsSchema,
  maxCrashesSchema,
  RESTART_POLICY_DEFAULT,
  restartPolicySchema,
} from "./restart-policy.ts";
import { desiredPowerSchema } from "./server-state.ts";
import { configFileSchema } from "./template.ts";

/** One address and port that a server may use; TCP and UDP both. */
export const allocationSpecSchema = z.object({
  ip: z.string(),
  port: z.number().int().min(1).max(65535),
  isPrimary: z.boolean(),
});

/**
 * What a server shall be, complete enough for the agent to run it with no control plane at hand.
 * Everything observed (running, exit codes, console) is the agent's own and never in here.
 */
export const serverSpecSchema = z.object({
  id: idSchema,
  name: z.string(),
  /** Rises with every change of this server's spec. */
  version: z.number().int().positive(),
  templateId: idSchema,
  image: z.string(),
  installImage: z.string(),
  installScript: z.string(),
  installTimeoutSeconds: z.number().int().positive(),
  /** Rises with each install asked for; the agent installs when its own is lower. */
  installGeneration: z.number().int().nonnegative(),
  /** Root within the install container alone; afterwards all files are the server's user's. */
  installAsRoot: z.boolean().default(true),
  /** The install generation before which all files were asked to be deleted; 0 for never, or when that is long done. */
  wipeGeneration: z.number().int().nonnegative().default(0),
  /** When somebody last asked for the newest image of the same name, in milliseconds; fetched with the next start. */
  imageRefreshAt: z.number().int().nonnegative().default(0),
  /** With `{{VARIABLE}}`s still in it: the agent fills them from `environment` and the reserved variables. */
  startup: z.string(),
  stopCommand: z.string(),
  stopSignal: z.string().nullable(),
  stopTimeoutSeconds: z.number().int().positive(),
  readyPattern: z.string(),
  startTimeoutSeconds: z.number().int().positive(),
  environment: z.record(z.string(), z.string()),
  configFiles: z.array(configFileSchema),
  memoryMb: z.number().int().positive(),
  cpuCores: z.number().positive(),
  diskMb: z.number().int().positive(),
  pidsLimit: z.number().int().positive(),
  networkMode: networkModeSchema,
  /** Only in the mode `pool`. */
  pool: poolNetworkSchema.nullable().default(null),
  /** Servers of one owner share a private network; null from an older control plane, then each has its own. */
  ownerId: idSchema.nullable().default(null),
  allocations: z.array(allocationSpecSchema),
  desiredPower: desiredPowerSchema,
  desiredPowerAt: z.number().int().nonnegative(),
  suspended: z.boolean(),
  /** An older control plane, and a spec that an older agent stored, say nothing of crashes. */
  restartPolicy: restartPolicySchema.default(RESTART_POLICY_DEFAULT),
  maxCrashes: maxCrashesSchema.default(MAX_CRASHES_DEFAULT),
  crashWindowSeconds: crashWindowSecondsSchema.default(CRASH_WINDOW_SECONDS_DEFAULT),
  /** When somebody last asked to forget the crashes so far, in milliseconds; 0 for never. It only rises. */
  crashResetAt: z.number().int().nonnegative().default(0),
  /** Its node is under maintenance: it is stopped, cannot be started, and returns to its desired power afterwards. */
  held: z.boolean().default(false),
  /** What the container may use beyond `memoryMb`, which stays the game's own number. */
  memoryHeadroomMb: memoryHeadroomMbSchema.default(0),
  swapMb: swapMbSchema.default(0),
  /** Null for every CPU of the node. */
  cpuPinning: cpuPinningSchema.nullable().default(null),
  /** Null for the kernel's own. */
  ioWeight: ioWeightSchema.nullable().default(null),
  openFilesLimit: openFilesLimitSchema.default(OPEN_FILES_LIMIT_DEFAULT),
});
export type ServerSpec = z.infer<typeof serverSpecSchema>;

/** Answer of `GET /api/agent/spec`: every server of the node. */
export const nodeSpecSchema = z.object({
  nodeId: idSchema,
  generation: z.number().int().nonnegative(),
  servers: z.array(serverSpecSchema),
});
export type NodeSpec = z.infer<typeof nodeSpecSchema>;
