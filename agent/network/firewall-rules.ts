/**
 * The rules that keep servers apart from each other and from the node. Pure.
 *
 * Chains of this agent's own are called at the very beginning of those that the kernel asks. Three kinds filter:
 *
 *     FORWARD ─▶ …-FWD    within one network: free, unless its servers are kept apart
 *                         to a server: answers, and what came in by a published port
 *                         from a server ─▶ …-OUT: not to cloud metadata, not to another network of Catalyst
 *                         to a server from anywhere else: refused
 *     INPUT   ─▶ …-HOST   from a server to the node itself: DNS, ping, servers in host mode, and what the operator allows
 *     INPUT, OUTPUT ─▶ …-GAME   to a port of a server, by UDP, when it led to no server: refused
 *
 * and two that translate addresses:
 *
 *     PREROUTING, OUTPUT ─▶ …-PORT   published ports of the node lead to the servers that have them
 *     POSTROUTING        ─▶ …-NAT    servers with private addresses get out by the node's; who comes by a published port
 *                                    from where an answer would not find back, the node itself included, comes by its
 *
 * The second is here and not left to the CNI plugin, which forgets its IPv6 rules when a container goes; the first, because
 * nerdctl asks for every rule of every port of the node before it publishes one more.
 *
 * What a server publishes is reached at the node's address by everybody, other servers included. While it does not run,
 * its UDP ports are refused before the kernel can remember where a stream went: it would lead one that began meanwhile
 * past the server for as long as the player's program goes on trying.
 */
import { BRIDGE_PREFIX } from "./network-plan.ts";

export type Family = "ipv4" | "ipv6";

export interface GuardedBridge {
  bridge: string;
  /** Servers on it reach each other only by published ports. */
  isIsolated: boolean;
  /** A pool: other machines may have a route to it. */
  isPool: boolean;
  /** Its addresses are public ones: everybody may reach them. */
  isRouted: boolean;
  subnets: readonly string[];
}

/** A port on one of the node's addresses, or on all of a family. */
export interface PublishedPort {
  ip: string;
  port: number;
  /** Of the server, in the same family. */
  leadsTo: string;
}

export interface FirewallPlan {
  /** Of the agent, so that several on one machine have chains of their own. */
  key: string;
  bridges: readonly GuardedBridge[];
  publishedPorts: readonly PublishedPort[];
  /** Ports of servers, whether they run or not. */
  gamePorts: readonly Omit<PublishedPort, "leadsTo">[];
  /** Ports of the node that servers may reach, TCP and UDP. */
  hostPorts: readonly number[];
}

type Table = "filter" | "nat";

export interface Chain {
  table: Table;
  name: string;
  /** Built-in chains that call it first. */
  calledBy: readonly ("FORWARD" | "INPUT" | "PREROUTING" | "OUTPUT" | "POSTROUTING")[];
  rules: string[];
}

/** Where clouds tell a machine its secrets. Their resolver may be at the same address, so port 53 is let through. */
const METADATA: Record<Family, string[]> = {
  // AWS, GCP, Azure, Oracle and most others; Alibaba; Oracle's second; Azure's host agent.
  ipv4: ["169.254.0.0/16", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
  // AWS; GCP.
  ipv6: ["fd00:ec2::/32", "fd20:ce::254"],
};

export const CHAIN_PREFIX = "CATALYST-";
const chainName = (key: string, part: string) => `${CHAIN_PREFIX}${key}-${part}`;

/** The loopback range is the node's own: to a bridge it is open only for the sake of published ports. */
const LOOPBACK = "127.0.0.0/8";
const NOT_TO_THE_NODE = "-m addrtype ! --dst-type LOCAL -j RETURN";
const EVERY_ADDRESS = ["0.0.0.0", "::"];

const byPort = <T extends { ip: string; port: number }>(ports: readonly T[]): T[] =>
  [...ports].sort((a, b) => a.port - b.port || (a.ip < b.ip ? -1 : 1));
const destination = (ip: string) => (EVERY_ADDRESS.includes(ip) ? "" : `-d ${ip} `);

export function firewallChains(plan: FirewallPlan, family: Family): Chain[] {
  const { key, bridges, hostPorts, publishedPorts, gamePorts } = plan;
  const [forward, out, host, game, port, nat] = ["FWD", "OUT", "HOST", "GAME", "PORT", "NAT"].map((part) =>
    chainName(key, part),
  ) as string[];
  const anyBridge = `${BRIDGE_PREFIX}+`;
  const ping = family === "ipv4" ? "icmp" : "ipv6-icmp";
  const sorted = [...bridges].sort((a, b) => (a.bridge < b.bridge ? -1 : 1));
  const routed = sorted.filter(({ isRouted }) => isRouted);
  const isOfFamily = (address: string) => address.includes(":") === (family === "ipv6");
  return [
    {
      table: "filter",
      name: forward!,
      calledBy: ["FORWARD"],
      rules: [
        ...sorted.flatMap(({ bridge, isIsolated }) =>
          isIsolated
            ? [`-i ${bridge} -o ${bridge} -m conntrack --ctstate DNAT -j ACCEPT`, `-i ${bridge} -o ${bridge} -j DROP`]
            : [`-i ${bridge} -o ${bridge} -j ACCEPT`],
        ),
        `-o ${anyBridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT`,
        ...routed.map(({ bridge }) => `-o ${bridge} -j ACCEPT`),
        ...sorted.map(({ bridge }) => `-i ${bridge} -j ${out}`),
        ...sorted.filter(({ isPool }) => !isPool).map(({ bridge }) => `-o ${bridge} -j REJECT`),
        ...sorted.map(({ bridge }) => `-i ${bridge} -j ACCEPT`),
      ],
    },
    {
      table: "filter",
      name: out!,
      calledBy: [],
      rules: [
        ...METADATA[family].flatMap((address) => [
          `-d ${address} -p udp -m udp --dport 53 -j RETURN`,
          `-d ${address} -p tcp -m tcp --dport 53 -j RETURN`,
          `-d ${address} -j REJECT`,
        ]),
        `-o ${anyBridge} -j REJECT`,
      ],
    },
    {
      table: "filter",
      name: host!,
      calledBy: ["INPUT"],
      rules: sorted.flatMap(({ bridge }) => [
        `-i ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
        ...(family === "ipv4" ? [`-i ${bridge} -d ${LOOPBACK} -j DROP`] : []),
        `-i ${bridge} -p ${ping} -j RETURN`,
        ...[53, ...[...new Set(hostPorts)].sort((a, b) => a - b)].flatMap((port) => [
          `-i ${bridge} -p tcp -m tcp --dport ${port} -j RETURN`,
          `-i ${bridge} -p udp -m udp --dport ${port} -j RETURN`,
        ]),
        `-i ${bridge} -j REJECT`,
      ]),
    },
    {
      table: "filter",
      name: game!,
      // Those of the node itself at their beginning: the kernel remembers their way before they arrive.
      calledBy: ["INPUT", "OUTPUT"],
      rules: [
        NOT_TO_THE_NODE,
        ...byPort(gamePorts)
          .filter(({ ip }) => isOfFamily(ip))
          .map(({ ip, port }) => `${destination(ip)}-p udp -m udp --dport ${port} -j REJECT`),
      ],
    },
    {
      table: "nat",
      name: port!,
      calledBy: ["PREROUTING", "OUTPUT"],
      rules: [
        NOT_TO_THE_NODE,
        ...byPort(publishedPorts)
          .filter(({ ip }) => isOfFamily(ip))
          .flatMap(({ ip, port, leadsTo }) =>
            ["tcp", "udp"].map(
              (transport) =>
                `${destination(ip)}-p ${transport} -m ${transport} --dport ${port} -j DNAT --to-destination ${leadsTo}`,
            ),
          ),
      ],
    },
    {
      table: "nat",
      name: nat!,
      calledBy: ["POSTROUTING"],
      rules: sorted.flatMap(({ bridge, subnets, isRouted }) => [
        ...(family === "ipv4" ? [`-s ${LOOPBACK} -o ${bridge} -j MASQUERADE`] : []),
        ...subnets
          .filter(isOfFamily)
          .flatMap((subnet) => [
            ...(isRouted ? [] : [`-s ${subnet} ! -o ${bridge} -j MASQUERADE`]),
            `-s ${subnet} -o ${bridge} -m conntrack --ctstate DNAT -j MASQUERADE`,
          ]),
      ]),
    },
  ];
}
