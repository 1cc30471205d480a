/** The CNI configuration of a network, as nerdctl reads it from its folder. Pure. */
import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { z } from "zod";
import { poolNetworkSchema } from "../../protocol/network.ts";
import type { PlannedNetwork } from "./network-plan.ts";

export interface Subnet {
  subnet: string;
  /** The first address when not given. */
  gateway?: string;
}

interface Conflist {
  name: string;
  plugins: unknown[];
  nerdctlLabels: Record<string, string>;
  cniVersion: string;
  nerdctlID: string;
}

export interface NetworkSetting {
  nodeId: string;
  /** Where the addresses in use are noted, one folder a network. */
  leaseFolder: string;
}

/** Holds what the firewall must know of a network, for an agent that comes back. */
const PLAN_LABEL = "catalyst.network";

/**
 * Written here rather than by `nerdctl network create`, which gives IPv6 no way out, chooses the bridge's name, and
 * separates bridges by a firewall plugin that would cut published ports off from other servers too. The way out and the
 * published ports are the firewall's, see `firewall-rules.ts`.
 */
export function conflist(network: PlannedNetwork, subnets: readonly Subnet[], setting: NetworkSetting): Conflist {
  const { name, bridge, pool } = network;
  const ipam = {
    type: "host-local",
    dataDir: setting.leaseFolder,
    routes: subnets.map(({ subnet }) => ({ dst: isIPv6(subnet.split("/")[0]!) ? "::/0" : "0.0.0.0/0" })),
    ranges: subnets.map(({ subnet, gateway }) => [{ subnet, ...(gateway !== undefined && { gateway }) }]),
  };
  const shared = { capabilities: { ips: true }, ipam };
  const plugins =
    bridge === null
      ? [{ type: "macvlan", master: pool?.parent, mode: "bridge", ...shared }]
      : [{ type: "bridge", bridge, isGateway: true, ipMasq: false, hairpinMode: true, ...shared }];
  return {
    cniVersion: "1.0.0",
    name,
    nerdctlID: createHash("sha256").update(name).digest("hex"),
    nerdctlLabels: { "catalyst.node": setting.nodeId, [PLAN_LABEL]: JSON.stringify(network) },
    plugins,
  };
}

const rangesSchema = z.object({
  name: z.string(),
  plugins: z.array(
    z.looseObject({
      ipam: z.looseObject({ ranges: z.array(z.array(z.looseObject({ subnet: z.string() }))).optional() }).optional(),
    }),
  ),
});

const ownSchema = z.object({
  plugins: z.array(z.unknown()),
  nerdctlLabels: z.object({ [PLAN_LABEL]: z.string() }),
});
const plannedSchema = z.object({
  name: z.string(),
  bridge: z.string().nullable(),
  pool: poolNetworkSchema.omit({ ip: true, name: true }).nullable(),
});

/** What an agent wrote by `conflist`; null when it is not whole. */
export function readConflist(text: string): { network: PlannedNetwork; plugins: unknown[] } | null {
  try {
    const { plugins, nerdctlLabels } = ownSchema.parse(JSON.parse(text));
    return { network: plannedSchema.parse(JSON.parse(nerdctlLabels[PLAN_LABEL])), plugins };
  } catch {
    return null;
  }
}

/** The ranges of any CNI configuration; none when it is not understood. */
export function subnetsOf(text: string): { name: string; subnets: string[] } {
  try {
    const { name, plugins } = rangesSchema.parse(JSON.parse(text));
    const subnets = plugins.flatMap(({ ipam }) => (ipam?.ranges ?? []).flat().map(({ subnet }) => subnet));
    return { name, subnets };
  } catch {
    return { name: "", subnets: [] };
  }
}
