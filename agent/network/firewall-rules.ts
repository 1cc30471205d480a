/**
 * The rules that keep servers apart from each other and from the node. Pure.
 *
 * Chains of this agent's own are called at the very beginning of FORWARD and INPUT:
 *
 *     FORWARD ─▶ …-FWD    within one network: free, unless its servers are kept apart
 *                         to a server: answers, and what came in by a published port
 *                         from a server ─▶ …-OUT: not to cloud metadata, not to another network of Catalyst
 *                         to a server from anywhere else: refused
 *     INPUT   ─▶ …-HOST   from a server to the node itself: DNS, ping, servers in host mode, and what the operator allows
 *
 * What a server publishes is reached at the node's address by everybody, other servers included.
 */
import { isIPv6 } from "node:net";
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
}

export interface FirewallPlan {
  /** Of the agent, so that several on one machine have chains of their own. */
  key: string;
  bridges: readonly GuardedBridge[];
  /** Ports of the node that servers may reach, TCP and UDP. */
  hostPorts: readonly number[];
}

export interface Chain {
  name: string;
  /** Built-in chain that calls it first. */
  calledBy: "FORWARD" | "INPUT" | null;
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

export function firewallChains({ key, bridges, hostPorts }: FirewallPlan, family: Family): Chain[] {
  const [forward, out, host] = ["FWD", "OUT", "HOST"].map((part) => chainName(key, part)) as [string, string, string];
  const anyBridge = `${BRIDGE_PREFIX}+`;
  const ping = family === "ipv4" ? "icmp" : "ipv6-icmp";
  const metadata = METADATA[family].filter((address) => isIPv6(address.split("/")[0]!) === (family === "ipv6"));
  const sorted = [...bridges].sort((a, b) => (a.bridge < b.bridge ? -1 : 1));
  const routed = sorted.filter(({ isRouted }) => isRouted);
  return [
    {
      name: forward,
      calledBy: "FORWARD",
      rules: [
        ...sorted.flatMap(({ bridge, isIsolated }) =>
          isIsolated
            ? [
                `-i ${bridge} -o ${bridge} -m conntrack --ctstate DNAT -j ACCEPT`,
                `-i ${bridge} -o ${bridge} -j DROP`,
              ]
            : [`-i ${bridge} -o ${bridge} -j ACCEPT`],
        ),
        `-o ${anyBridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT`,
        ...routed.map(({ bridge }) => `-o ${bridge} -j ACCEPT`),
        ...sorted.map(({ bridge }) => `-i ${bridge} -j ${out}`),
        ...sorted
          .filter(({ isPool }) => !isPool)
          .map(({ bridge }) => `-o ${bridge} -j REJECT`),
        ...sorted.map(({ bridge }) => `-i ${bridge} -j ACCEPT`),
      ],
    },
    {
      name: out,
      calledBy: null,
      rules: [
        ...metadata.flatMap((address) => [
          `-d ${address} -p udp -m udp --dport 53 -j RETURN`,
          `-d ${address} -p tcp -m tcp --dport 53 -j RETURN`,
          `-d ${address} -j REJECT`,
        ]),
        `-o ${anyBridge} -j REJECT`,
      ],
    },
    {
      name: host,
      calledBy: "INPUT",
      rules: sorted.flatMap(({ bridge }) => [
        `-i ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
        `-i ${bridge} -p ${ping} -j RETURN`,
        ...[53, ...[...new Set(hostPorts)].sort((a, b) => a - b)].flatMap((port) => [
          `-i ${bridge} -p tcp -m tcp --dport ${port} -j RETURN`,
          `-i ${bridge} -p udp -m udp --dport ${port} -j RETURN`,
        ]),
        `-i ${bridge} -j REJECT`,
      ]),
    },
  ];
}

/** The chains' part of `iptables -S`, and which chains stand before a chain's call. */
export interface PresentRules {
  /** By chain: its rules as the program prints them. */
  chains: Map<string, string[]>;
}

export function parseRules(printed: string): PresentRules {
  const chains = new Map<string, string[]>();
  for (const line of printed.split("\n")) {
    const declared = /^-[NP] (\S+)/.exec(line)?.[1];
    const appended = /^-A (\S+) (.*)$/.exec(line);
    if (declared !== undefined) chains.set(declared, []);
    else if (appended) chains.set(appended[1]!, [...(chains.get(appended[1]!) ?? []), appended[2]!.trim()]);
  }
  return { chains };
}

/** Called before anything but chains of Catalyst, so that nothing lets through what these rules refuse. */
export function isCalledFirst({ chains }: PresentRules, { name, calledBy }: Chain): boolean {
  if (calledBy === null) return true;
  const rules = chains.get(calledBy) ?? [];
  const at = rules.indexOf(`-j ${name}`);
  return at >= 0 && rules.slice(0, at).every((rule) => rule.startsWith(`-j ${CHAIN_PREFIX}`));
}

/** Input of `iptables-restore --noflush`: all of it holds from one moment to the next, and nothing else is touched. */
export function restoreInput(chains: readonly Chain[], present: PresentRules): string {
  const calls = chains.flatMap((chain) => {
    if (chain.calledBy === null || isCalledFirst(present, chain)) return [];
    const count = (present.chains.get(chain.calledBy) ?? []).filter((rule) => rule === `-j ${chain.name}`).length;
    const call = `${chain.calledBy} -j ${chain.name}`;
    return [...Array.from({ length: count }, () => `-D ${call}`), `-I ${chain.calledBy} 1 -j ${chain.name}`];
  });
  const lines = [
    "*filter",
    ...chains.map(({ name }) => `:${name} - [0:0]`),
    ...chains.flatMap(({ name, rules }) => rules.map((rule) => `-A ${name} ${rule}`)),
    ...calls,
    "COMMIT",
  ];
  return `${lines.join("\n")}\n`;
}

/** The same, to be rid of the chains. */
export function removalInput(chains: readonly Chain[], present: PresentRules): string | null {
  const own = chains.filter(({ name }) => present.chains.has(name));
  if (own.length === 0) return null;
  const calls = own.flatMap(({ name, calledBy }) =>
    (present.chains.get(calledBy ?? "") ?? [])
      .filter((rule) => rule === `-j ${name}`)
      .map(() => `-D ${calledBy} -j ${name}`),
  );
  const lines = ["*filter", ...own.map(({ name }) => `:${name} - [0:0]`), ...calls, ...own.map(({ name }) => `-X ${name}`)];
  return `${[...lines, "COMMIT"].join("\n")}\n`;
}
