/** The CNI configuration of a network, as nerdctl reads it from its folder. Pure. */
import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { z } from "zod";
import { isPrivateRange, type PlannedNetwork } from "./network-plan.ts";

export interface Subnet {
  subnet: string;
  /** The first address when not given. */
  gateway?: string;
}

export interface NetworkSetting {
  nodeId: string;
  /** Where the addresses in use are noted, one folder a network. */
  leaseFolder: string;
}

/** Networks of nerdctl's own say who uses them by label; nothing but Catalyst acts on these. */
const LABELS = { panel: "1" };

/**
 * Written here rather than by `nerdctl network create`, which gives IPv6 no way out, chooses the bridge's name, and
 * separates bridges by a firewall plugin that would cut published ports off from other servers too.
 */
export function conflist(network: PlannedNetwork, subnets: readonly Subnet[], setting: NetworkSetting): unknown {
  const { name, bridge, pool } = network;
  const ipam = {
    type: "host-local",
    dataDir: setting.leaseFolder,
    routes: subnets.map(({ subnet }) => ({ dst: isIPv6(subnet.split("/")[0]!) ? "::/0" : "0.0.0.0/0" })),
    ranges: subnets.map(({ subnet, gateway }) => [{ subnet, ...(gateway !== undefined && { gateway }) }]),
  };
  const shared = { capabilities: { ips: true }, ipam };
  const isRouted = pool !== null && !isPrivateRange(pool.cidr);
  const plugins =
    bridge === null
      ? [{ type: "macvlan", master: pool?.parent, mode: "bridge", ...shared }]
      : [
          { type: "bridge", bridge, isGateway: true, ipMasq: !isRouted, hairpinMode: true, ...shared },
          { type: "portmap", capabilities: { portMappings: true } },
        ];
  return {
    cniVersion: "1.0.0",
    name,
    nerdctlID: createHash("sha256").update(name).digest("hex"),
    nerdctlLabels: { "catalyst.panel": LABELS.panel, "catalyst.node": setting.nodeId },
    plugins,
  };
}

const rangesSchema = z.object({
  name: z.string(),
  plugins: z.array(
    z.looseObject({
      ipam: z
        .looseObject({ ranges: z.array(z.array(z.looseObject({ subnet: z.string() }))).optional() })
        .optional(),
    }),
  ),
});

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
