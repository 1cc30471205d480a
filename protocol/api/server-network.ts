import { z } from "zod";
import { idSchema } from "../ids.ts";
import { ALLOCATION_LIMIT_MAX } from "../limits.ts";
import { networkModeSchema, poolKindSchema } from "../network.ts";
import { ipSchema } from "./pools.ts";

const portSchema = z.number().int().min(1).max(65535);

export const serverAllocationSchema = z.object({
  id: z.string(),
  ip: z.string(),
  port: z.number().int(),
  alias: z.string().nullable(),
  notes: z.string().nullable(),
  isPrimary: z.boolean(),
  /** The server runs without it (or with another primary port) and has it from its next start on. */
  appliesAtNextStart: z.boolean(),
});
export type ServerAllocation = z.infer<typeof serverAllocationSchema>;

/** With neither `ip` nor `port`: any free port of the node. */
export const addAllocationsBodySchema = z.strictObject({
  ip: ipSchema.optional(),
  port: portSchema.optional(),
  /** Several free ports at once; only without `port`. */
  count: z.number().int().min(1).max(ALLOCATION_LIMIT_MAX).default(1),
});
export type AddAllocationsBody = z.input<typeof addAllocationsBodySchema>;

export const primaryAllocationBodySchema = z
  .strictObject({ allocationId: idSchema.optional(), port: portSchema.optional(), ip: ipSchema.optional() })
  .refine((body) => (body.allocationId === undefined) !== (body.port === undefined), "name a port or an allocationId");

/** Where a server has one port at several addresses, `ip` says which. */
export const allocationQuerySchema = z.object({ ip: ipSchema.optional() });
export const allocationNotesBodySchema = z.strictObject({ notes: z.string().trim().max(500).nullable() });

export const removedAllocationSchema = z.object({
  ip: z.string(),
  port: z.number().int(),
  appliesAtNextStart: z.boolean(),
});

export const availableAllocationsSchema = z.object({
  /** Addresses of the node on which a port may be asked for. */
  addresses: z.array(z.object({ ip: z.string(), alias: z.string().nullable() })),
  /** Ports made ready by the node's managers that nobody uses, the first of them. */
  free: z.array(z.object({ id: z.string(), ip: z.string(), port: z.number().int(), alias: z.string().nullable() })),
  used: z.number().int(),
  limit: z.number().int(),
});
export type AvailableAllocations = z.infer<typeof availableAllocationsSchema>;

/** `poolId` and `poolIp` belong to the mode `pool` alone; without `poolIp` it is the pool's next free address. */
export const serverNetworkBodySchema = z.strictObject({
  networkMode: networkModeSchema,
  poolId: idSchema.optional(),
  poolIp: ipSchema.optional(),
});
export type ServerNetworkBody = z.input<typeof serverNetworkBodySchema>;

/** The address of a pool that a server has. */
export const serverPoolSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: poolKindSchema,
  ip: z.string(),
});
