/** Which network a server is in, and how it is named on the node. Pure. */
import { createHash } from "node:crypto";
import type { PoolNetwork } from "../../protocol/network.ts";
import type { ServerSpec } from "../../protocol/spec.ts";

/** All bridges of Catalyst begin with this, whichever agent made them; the kernel allows 15 characters. */
export const BRIDGE_PREFIX = "cat-";

export interface PlannedNetwork {
  /** Of the CNI network; unique to this agent on this machine. */
  name: string;
  /** Interface of the node that it is on; null for macvlan, which has none of its own. */
  bridge: string | null;
  /** Null for the private network of one owner's servers. */
  pool: Omit<PoolNetwork, "ip" | "name"> | null;
}

const hash = (text: string, chars: number) => createHash("sha256").update(text).digest("hex").slice(0, chars);

/** Tells the networks and firewall chains of agents apart that share a machine. */
export const agentKey = (dataDir: string): string => hash(dataDir, 8);
export const networkNamePrefix = (key: string): string => `catalyst-${key}-`;

function named(key: string, kind: "own" | "pool", id: string): Pick<PlannedNetwork, "name" | "bridge"> {
  const short = hash(`${key} ${kind} ${id}`, 10);
  return { name: `${networkNamePrefix(key)}${kind}-${short}`, bridge: `${BRIDGE_PREFIX}${short}` };
}

/**
 * The servers of one owner share a private network; those of different owners are never in the same one. A server whose
 * owner an older control plane did not tell has one of its own.
 */
export function ownNetwork(spec: Pick<ServerSpec, "id" | "ownerId">, key: string): PlannedNetwork {
  return { ...named(key, "own", spec.ownerId ?? `server ${spec.id}`), pool: null };
}

/** Null when the server shares the node's own network. */
export function plannedNetwork(
  spec: Pick<ServerSpec, "id" | "ownerId" | "networkMode" | "pool">,
  key: string,
): PlannedNetwork | null {
  if (spec.networkMode === "host") return null;
  if (spec.networkMode === "bridge" || spec.pool === null) return ownNetwork(spec, key);
  const { ip: _, name: __, ...pool } = spec.pool;
  const { name, bridge } = named(key, "pool", pool.poolId);
  return { name, bridge: pool.kind === "bridge" ? bridge : null, pool };
}

/** Ranges that are nobody's on the public internet: what comes from them has to be given the node's address. */
const PRIVATE = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/i;
export const isPrivateRange = (cidr: string): boolean => PRIVATE.test(cidr);
