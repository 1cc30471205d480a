import { z } from "zod";
import { idSchema } from "../ids.ts";
import { POOL_EXCLUSIONS_MAX } from "../limits.ts";
import { interfaceNameSchema, poolKindSchema } from "../network.ts";
import { listQuerySchema } from "./envelope.ts";

export const ipSchema = z.union([z.ipv4(), z.ipv6()], "is not an IP address");

/** One address, a range `first-last`, or a smaller network in CIDR notation. */
const exclusionSchema = z.string().trim().min(2).max(90);
const exclusionsSchema = z.array(exclusionSchema).max(POOL_EXCLUSIONS_MAX);

export const createPoolBodySchema = z.strictObject({
  name: z.string().trim().min(1).max(100),
  nodeId: idSchema,
  kind: poolKindSchema.default("bridge"),
  /** The node's interface that a macvlan pool hangs on; a bridge pool has none. */
  parent: interfaceNameSchema.nullish(),
  cidr: z.union([z.cidrv4(), z.cidrv6()], "is not a network such as 10.50.0.0/24 or fd12::/64"),
  /** By default the first address. */
  gateway: ipSchema.optional(),
  exclusions: exclusionsSchema.default([]),
  /** Whether servers of a bridge pool are kept apart from each other. */
  isIsolated: z.boolean().default(true),
});
export type CreatePoolBody = z.input<typeof createPoolBodySchema>;

/** Kind, range and node stay: servers of the pool would lose their addresses. */
export const updatePoolBodySchema = z.strictObject({
  name: z.string().trim().min(1).max(100).optional(),
  parent: interfaceNameSchema.optional(),
  gateway: ipSchema.optional(),
  exclusions: exclusionsSchema.optional(),
  isIsolated: z.boolean().optional(),
});

export const poolSchema = z.object({
  id: z.string(),
  nodeId: z.string(),
  nodeName: z.string(),
  name: z.string(),
  kind: poolKindSchema,
  parent: z.string().nullable(),
  cidr: z.string(),
  gateway: z.string(),
  /** Addresses and ranges `first-last`, in order, none overlapping another. */
  exclusions: z.array(z.string()),
  isIsolated: z.boolean(),
  /** Addresses that servers have. */
  assignedCount: z.number().int(),
  /** Addresses that servers could still get; null when there are more than anybody will count. */
  freeCount: z.number().int().nullable(),
  createdAt: z.iso.datetime(),
});
export type Pool = z.infer<typeof poolSchema>;

export const poolListQuerySchema = listQuerySchema.extend({ nodeId: idSchema.optional() });

export const poolAddressSchema = z.object({ ip: z.string(), serverId: z.string(), serverName: z.string() });
export type PoolAddress = z.infer<typeof poolAddressSchema>;
