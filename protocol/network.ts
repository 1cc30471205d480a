import { z } from "zod";

/** `bridge`: a private network of the node's own. `macvlan`: the network that one of the node's interfaces is on. */
export const POOL_KINDS = ["bridge", "macvlan"] as const;
export const poolKindSchema = z.enum(POOL_KINDS);
export type PoolKind = z.infer<typeof poolKindSchema>;

/**
 * `bridge`: the private network of the server's owner on this node. `host`: the node's own network. `pool`: an address
 * of its own from a pool.
 */
export const NETWORK_MODES = ["bridge", "host", "pool"] as const;
export const networkModeSchema = z.enum(NETWORK_MODES);
export type NetworkMode = z.infer<typeof networkModeSchema>;

/** A name that the kernel takes for an interface, and that no shell or config file reads otherwise. */
export const interfaceNameSchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/, "is not the name of a network interface");

/** The pool network that a server is in, as its node needs it. */
export const poolNetworkSchema = z.object({
  poolId: z.string(),
  name: z.string(),
  kind: poolKindSchema,
  parent: interfaceNameSchema.nullable(),
  cidr: z.union([z.cidrv4(), z.cidrv6()]),
  gateway: z.union([z.ipv4(), z.ipv6()]),
  /** Whether the servers of a bridge pool are kept apart from each other. */
  isIsolated: z.boolean(),
  ip: z.union([z.ipv4(), z.ipv6()]),
});
export type PoolNetwork = z.infer<typeof poolNetworkSchema>;
