import { z } from "zod";
import { logsReplySchema, powerReplySchema, statsReplySchema } from "../agent-replies.ts";
import { correlationIdSchema, idSchema } from "../ids.ts";
import { CONSOLE_INPUT_MAX_BYTES, CONSOLE_LOGS_MAX_BYTES } from "../limits.ts";
import { networkModeSchema } from "../network.ts";
import { nodeModeSchema } from "../node-mode.ts";
import {
  cpuPinningSchema,
  ioWeightSchema,
  memoryHeadroomMbSchema,
  openFilesLimitSchema,
  pendingChangesSchema,
  pidsLimitSchema,
  stopTimeoutSecondsSchema,
  swapMbSchema,
} from "../resource-limits.ts";
import {
  crashWindowSecondsSchema,
  maxCrashesSchema,
  RESTART_POLICY_DEFAULT,
  restartPolicySchema,
} from "../restart-policy.ts";
import { desiredPowerSchema, serverStateSchema } from "../server-state.ts";
import { variableNameSchema } from "../template.ts";
import { listQuerySchema } from "./envelope.ts";
import { ipSchema } from "./pools.ts";
import { serverPoolSchema } from "./server-network.ts";

const environmentSchema = z.record(variableNameSchema, z.coerce.string().max(4096));
const portSchema = z.number().int().min(1).max(65535);

/** Limits that most servers leave alone. Null gives a limit back to the template or the node. */
const moreLimitFields = {
  /** Memory of the container beyond the server's own, for a runtime such as a JVM; null: by the template. */
  memoryHeadroomMb: memoryHeadroomMbSchema.nullable().optional(),
  /** For administrators, as the next two. 0: none. */
  swapMb: swapMbSchema.optional(),
  /** CPUs of the node that the server may run on, such as `0-1,3`; null: all. */
  cpuPinning: cpuPinningSchema.nullable().optional(),
  /** Share of the disk's time against other servers, 10 to 1000; null: 100, the kernel's own. */
  ioWeight: ioWeightSchema.nullable().optional(),
  pidsLimit: pidsLimitSchema.optional(),
  openFilesLimit: openFilesLimitSchema.optional(),
  /** Time to stop by itself before SIGTERM and, 10 s later, SIGKILL; null: the template's. */
  stopTimeoutSeconds: stopTimeoutSecondsSchema.nullable().optional(),
};

export const createServerBodySchema = z.strictObject({
  name: z.string().trim().min(1).max(100),
  description: z.string().max(500).default(""),
  templateId: idSchema,
  nodeId: idSchema,
  /** May be left out; if given it must be the node's own location. */
  locationId: idSchema.optional(),
  /** Administrators may create for somebody else. */
  ownerId: idSchema.optional(),
  allocatedMemoryMb: z.number().int().min(16).max(1_048_576),
  allocatedCpuCores: z.number().min(0.05).max(512),
  allocatedDiskMb: z.number().int().min(16).max(104_857_600),
  /** Left out: the next free port of the node. */
  primaryPort: portSchema.optional(),
  networkMode: networkModeSchema.default("bridge"),
  /** Only in the mode `pool`; without `poolIp` the pool's next free address. */
  poolId: idSchema.optional(),
  poolIp: ipSchema.optional(),
  /** One of the template's images. */
  image: z.string().max(300).optional(),
  environment: environmentSchema.default({}),
  startAfterInstall: z.boolean().default(false),
  restartPolicy: restartPolicySchema.default(RESTART_POLICY_DEFAULT),
  ...moreLimitFields,
});
export type CreateServerBody = z.input<typeof createServerBodySchema>;

export const updateServerBodySchema = z.strictObject({
  name: z.string().trim().min(1).max(100).optional(),
  description: z.string().max(500).optional(),
  allocatedMemoryMb: z.number().int().min(16).max(1_048_576).optional(),
  allocatedCpuCores: z.number().min(0.05).max(512).optional(),
  allocatedDiskMb: z.number().int().min(16).max(104_857_600).optional(),
  image: z.string().max(300).optional(),
  startup: z.string().min(1).max(4000).optional(),
  environment: environmentSchema.optional(),
  ...moreLimitFields,
});

export const serverSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  ownerId: z.string(),
  ownerName: z.string(),
  nodeId: z.string(),
  nodeName: z.string(),
  nodeIsOnline: z.boolean(),
  locationId: z.string(),
  templateId: z.string(),
  templateName: z.string(),
  status: serverStateSchema,
  statusReason: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  startedAt: z.iso.datetime().nullable(),
  desiredPower: desiredPowerSchema,
  isSuspended: z.boolean(),
  allocatedMemoryMb: z.number(),
  allocatedCpuCores: z.number(),
  allocatedDiskMb: z.number(),
  primaryIp: z.string().nullable(),
  primaryPort: z.number().int().nullable(),
  /** Address for players, `host:port`. */
  connectAddress: z.string().nullable(),
  networkMode: networkModeSchema,
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Server = z.infer<typeof serverSchema>;

export const suspensionSchema = z.object({
  at: z.iso.datetime(),
  /** Null when none was given; told to the owner and to staff. */
  reason: z.string().nullable(),
  /** Who did it; told to staff alone. */
  by: z.object({ id: z.string().nullable(), name: z.string() }).nullable(),
});
export type Suspension = z.infer<typeof suspensionSchema>;
export const suspendBodySchema = z.strictObject({ reason: z.string().trim().min(1).max(500).optional() }).default({});
export const unsuspendBodySchema = z.strictObject({}).default({});
export const suspensionReplySchema = z.object({ serverId: z.string(), suspension: suspensionSchema.nullable() });

/** One server, with what only its page needs. */
export const serverDetailSchema = serverSchema.extend({
  image: z.string(),
  /** What the server's image can be chosen from: those of its template when it was last installed. */
  images: z.array(z.object({ image: z.string(), label: z.string() })),
  startup: z.string(),
  /** What the caller may see of it. */
  environment: z.record(z.string(), z.string()),
  /** What the caller may do: `["*"]` for the owner and administrators. */
  permissions: z.array(z.string()),
  /** When its node last told of a change of its state. */
  statusSince: z.iso.datetime().nullable(),
  /** How the last run ended, besides `exitCode`. */
  signal: z.string().nullable(),
  oomKilled: z.boolean(),
  restartPolicy: restartPolicySchema,
  maxCrashes: z.number().int(),
  crashWindowSeconds: z.number().int(),
  /** Since the last manual start or reset. */
  crashCount: z.number().int(),
  /** When its node starts it again by itself, while it waits for that. */
  restartAt: z.iso.datetime().nullable(),
  /** Null unless it is suspended. */
  suspension: suspensionSchema.nullable(),
  nodeMode: nodeModeSchema,
  /** Since when its node is in that mode and why, unless it is active. */
  nodeModeSetAt: z.iso.datetime().nullable(),
  nodeModeReason: z.string().nullable(),
  /** What the container may use beyond `allocatedMemoryMb`. */
  memoryHeadroomMb: z.number().int(),
  /** It was chosen for this server; otherwise it follows the template and the memory. */
  hasOwnHeadroom: z.boolean(),
  swapMb: z.number().int(),
  cpuPinning: z.string().nullable(),
  ioWeight: z.number().int().nullable(),
  pidsLimit: z.number().int(),
  openFilesLimit: z.number().int(),
  stopTimeoutSeconds: z.number().int().nullable(),
  /** What holds while `stopTimeoutSeconds` is null. */
  templateStopTimeoutSeconds: z.number().int(),
  /** Changes that take effect at the next start, by the names of the fields above. */
  pendingRestart: pendingChangesSchema,
  /** The pool address of a server in the mode `pool`. */
  pool: serverPoolSchema.nullable(),
  /** It runs with older ports, pool or mode than it has by now, and takes the new ones at its next start. */
  networkAppliesAtNextStart: z.boolean(),
});
export type ServerDetail = z.infer<typeof serverDetailSchema>;

export const serverListQuerySchema = listQuerySchema.extend({
  nodeId: idSchema.optional(),
  status: serverStateSchema.optional(),
});

export const restartPolicyBodySchema = z.strictObject({
  policy: restartPolicySchema,
  /** So many crashes within the window, and the server is not restarted any more. */
  maxCrashes: maxCrashesSchema.optional(),
  windowSeconds: crashWindowSecondsSchema.optional(),
});
export type RestartPolicyBody = z.input<typeof restartPolicyBodySchema>;

export const serverCrashSchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  /** Null when its node does not know how it ended. */
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  oomKilled: z.boolean(),
  runTimeMs: z.number().nullable(),
  /** With this one, since the last manual start or reset before it. */
  crashCount: z.number().int(),
  /** When it was going to be started again; null when it was left crashed. */
  restartAt: z.iso.datetime().nullable(),
  /** The end of its console output; null without the permission `console.read`. */
  lastLines: z.string().nullable(),
});
export type ServerCrash = z.infer<typeof serverCrashSchema>;

export const powerBodySchema = z.strictObject({ commandId: correlationIdSchema.optional() }).default({});
export const powerResultSchema = powerReplySchema.extend({ commandId: z.string() });

export const reinstallBodySchema = z.strictObject({
  /** Delete all files of the server first. */
  wipe: z.boolean().default(false),
});
export type ReinstallBody = z.input<typeof reinstallBodySchema>;

export const logsQuerySchema = z.object({
  from: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(CONSOLE_LOGS_MAX_BYTES)
    .default(64 * 1024),
});
export { logsReplySchema, statsReplySchema };

/** One console line: no control characters besides tab, at most `CONSOLE_INPUT_MAX_BYTES`. */
export const consoleLineSchema = z
  .string()
  .refine(
    (line) => !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line),
    "must not contain control characters or line breaks",
  )
  .refine((line) => new TextEncoder().encode(line).length <= CONSOLE_INPUT_MAX_BYTES, "is longer than 32 KiB");
export const commandBodySchema = z.strictObject({ command: consoleLineSchema });
