import { z } from "zod";
import { UPDATE_REASON_MAX, updateFailureSchema } from "../agent-update.ts";
import { findingSchema, machineSchema, preflightReplySchema } from "../findings.ts";
import { idSchema, slugSchema } from "../ids.ts";
import { nodeModeSchema } from "../node-mode.ts";
import { listQuerySchema } from "./envelope.ts";
import { ipSchema } from "./pools.ts";

export const locationSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  createdAt: z.iso.datetime(),
});
export type Location = z.infer<typeof locationSchema>;
export const createLocationBodySchema = z.strictObject({
  id: slugSchema.optional(),
  name: z.string().min(1).max(100),
  description: z.string().max(500).default(""),
});
export const updateLocationBodySchema = createLocationBodySchema.omit({ id: true }).partial();

const hostSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9.:_-]+$/, "use a host name or an IP address");

export const createNodeBodySchema = z.strictObject({
  id: slugSchema.optional(),
  name: z.string().min(1).max(100),
  locationId: idSchema,
  hostname: hostSchema,
  /** What players connect to, and the address of the node's first allocations. */
  publicAddress: hostSchema,
  /** Address that ports are bound to on the node; behind NAT it differs from the public one. */
  bindAddress: z.union([z.ipv4(), z.ipv6()]).default("0.0.0.0"),
  maxMemoryMb: z.number().int().min(64).max(16_777_216),
  maxCpuCores: z.number().min(0.1).max(1024),
  maxDiskMb: z.number().int().min(64).max(1_073_741_824).default(1_048_576),
  /** 1 allows promising exactly what the node has; 1.5 half as much again. */
  memoryOvercommit: z.number().min(0.1).max(10).default(1),
  cpuOvercommit: z.number().min(0.1).max(100).default(4),
  diskOvercommit: z.number().min(0.1).max(10).default(1),
});
export const updateNodeBodySchema = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  hostname: hostSchema.optional(),
  publicAddress: hostSchema.optional(),
  maxMemoryMb: z.number().int().min(64).max(16_777_216).optional(),
  maxCpuCores: z.number().min(0.1).max(1024).optional(),
  maxDiskMb: z.number().int().min(64).max(1_073_741_824).optional(),
  memoryOvercommit: z.number().min(0.1).max(10).optional(),
  cpuOvercommit: z.number().min(0.1).max(100).optional(),
  diskOvercommit: z.number().min(0.1).max(10).optional(),
});

export const nodeSchema = z.object({
  id: z.string(),
  name: z.string(),
  locationId: z.string(),
  hostname: z.string(),
  publicAddress: z.string(),
  bindAddress: z.string(),
  maxMemoryMb: z.number(),
  maxCpuCores: z.number(),
  maxDiskMb: z.number(),
  memoryOvercommit: z.number(),
  cpuOvercommit: z.number(),
  diskOvercommit: z.number(),
  /** Promised to servers, whether they run or not; memory with their head-room. */
  allocatedMemoryMb: z.number(),
  allocatedCpuCores: z.number(),
  allocatedDiskMb: z.number(),
  /** What can still be promised: the maximum times its overcommitment, less what is promised; never below 0. */
  freeMemoryMb: z.number(),
  freeCpuCores: z.number(),
  freeDiskMb: z.number(),
  serverCount: z.number().int(),
  isOnline: z.boolean(),
  isEnrolled: z.boolean(),
  lastSeenAt: z.iso.datetime().nullable(),
  agentVersion: z.string().nullable(),
  runtime: z.string().nullable(),
  mode: nodeModeSchema,
  /** When, by whom and why the mode was set; null while it never was. */
  modeSetAt: z.iso.datetime().nullable(),
  modeSetByName: z.string().nullable(),
  modeReason: z.string().nullable(),
  /** What the last health check found; null before the first one, and for callers without `node.view_stats` or `node.update`. */
  findingCounts: z.object({ errors: z.number().int(), warnings: z.number().int() }).nullable(),
  /** The build that this panel would update the agent to; another one than `agentVersion` is an update. Null as above. */
  latestAgentVersion: z.string().nullable(),
  /** An update that is under way, or failed since; null once the agent is of that build. Null as above. */
  agentUpdate: z
    .object({
      version: z.string(),
      status: z.enum(["requested", "failed"]),
      reason: z.string().max(UPDATE_REASON_MAX).nullable(),
      at: z.iso.datetime(),
    })
    .nullable(),
  createdAt: z.iso.datetime(),
});
export type Node = z.infer<typeof nodeSchema>;
/** One node, with what only its own page shows. Null as `findingCounts` is. */
export const nodeDetailSchema = nodeSchema.extend({
  findings: z.array(findingSchema).nullable(),
  findingsAt: z.iso.datetime().nullable(),
  machine: machineSchema.nullable(),
});
export type NodeDetail = z.infer<typeof nodeDetailSchema>;
export const createdNodeSchema = nodeDetailSchema.extend({ secret: z.string() });

export const nodeModeBodySchema = z.strictObject({
  mode: nodeModeSchema,
  /** Shown to the owners of its servers while the node is under maintenance. */
  reason: z.string().trim().min(1).max(500).optional(),
});
export type NodeModeBody = z.input<typeof nodeModeBodySchema>;

export const deploymentTokenReplySchema = z.object({
  deploymentToken: z.string(),
  deployUrl: z.string(),
  /** The one command to paste on the machine. */
  command: z.string(),
  expiresAt: z.iso.datetime(),
});

export const allocationSchema = z.object({
  id: z.string(),
  nodeId: z.string(),
  ip: z.string(),
  port: z.number().int(),
  alias: z.string().nullable(),
  notes: z.string().nullable(),
  serverId: z.string().nullable(),
  serverName: z.string().nullable(),
  isPrimary: z.boolean(),
});
export type Allocation = z.infer<typeof allocationSchema>;
const portsSchema = z.string().regex(/^\d{1,5}(-\d{1,5})?$/, "a port or a range such as 25565-25600");

export const allocationListQuerySchema = listQuerySchema.extend({
  use: z.enum(["free", "used"]).optional(),
  ip: ipSchema.optional(),
});

/** Those of the range that servers use stay. */
export const deleteAllocationsQuerySchema = z.object({ ports: portsSchema, ip: ipSchema.optional() });
export const deletedAllocationsSchema = z.object({ deleted: z.number().int(), inUse: z.number().int() });

export const createAllocationsBodySchema = z.strictObject({
  ip: z.union([z.ipv4(), z.ipv6()]).optional(),
  /** One port, or a range such as `25565-25600`. */
  ports: z.union([z.number().int().min(1).max(65535), portsSchema]),
  alias: z.string().max(253).optional(),
  notes: z.string().max(500).optional(),
});

export const enrollBodySchema = z.strictObject({
  token: z.string().min(16).max(200),
  hostname: z.string().max(253),
  agentVersion: z.string().max(64),
  runtime: z.enum(["nerdctl", "process"]),
});
export const enrollReplySchema = z.object({ nodeId: z.string(), secret: z.string(), panelUrl: z.string() });
export type EnrollReply = z.infer<typeof enrollReplySchema>;

/** Answer to a request to update a node's agent; `version` names the build that it is, or shall be. */
export const updateAgentReplySchema = z.object({ state: z.enum(["started", "current"]), version: z.string() });
export type UpdateAgentReply = z.infer<typeof updateAgentReplySchema>;

/** What an agent tells by itself. Unknown fields are a newer agent's and ignored. */
export const agentReportBodySchema = z.object({
  preflight: preflightReplySchema.optional(),
  updateFailure: updateFailureSchema.optional(),
});
export type AgentReport = z.infer<typeof agentReportBodySchema>;

/** With no grace the old secret ends at once. */
export const rotateSecretBodySchema = z
  .strictObject({ graceSeconds: z.number().int().min(0).max(86_400).default(0) })
  .default({ graceSeconds: 0 });
export const nodeSecretReplySchema = z.object({ nodeId: z.string(), secret: z.string() });

export const updateAllocationBodySchema = z.strictObject({
  alias: z.string().max(253).nullable().optional(),
  notes: z.string().max(500).nullable().optional(),
});
