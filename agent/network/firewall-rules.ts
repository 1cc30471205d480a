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
 * and one of POSTROUTING, …-NAT, by which servers with private addresses get out by the node's. It is here and not left
 * to the CNI plugin, which forgets its IPv6 rules when a container goes.
 *
 * What a server publishes is reached at the node's address by everybody, other servers included.
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

export interface FirewallPlan {
  /** Of the agent, so that several on one machine have chains of their own. */
  key: string;
  bridges: readonly GuardedBridge[];
  /** Ports of the node that servers may reach, TCP and UDP. */
  hostPorts: readonly number[];
}

type Table = "filter" | "nat";

export interface Chain {
  table: Table;
  name: string;
  /** Built-in chain that calls it first. */
  calledBy: "FORWARD" | "INPUT" | "POSTROUTING" | null;
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
  const [forward, out, host, nat] = ["FWD", "OUT", "HOST", "NAT"].map((part) => chainName(key, part)) as string[];
  const anyBridge = `${BRIDGE_PREFIX}+`;
  const ping = family === "ipv4" ? "icmp" : "ipv6-icmp";
  const sorted = [...bridges].sort((a, b) => (a.bridge < b.bridge ? -1 : 1));
  const routed = sorted.filter(({ isRouted }) => isRouted);
  const isOfFamily = (subnet: string) => subnet.includes(":") === (family === "ipv6");
  return [
    {
      table: "filter",
      name: forward!,
      calledBy: "FORWARD",
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
      calledBy: null,
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
    {
      table: "nat",
      name: nat!,
      calledBy: "POSTROUTING",
      rules: sorted
        .filter(({ isRouted }) => !isRouted)
        .flatMap(({ bridge, subnets }) =>
          subnets.filter(isOfFamily).map((subnet) => `-s ${subnet} ! -o ${bridge} -j MASQUERADE`),
        ),
    },
  ];
}

/** By table and chain: its rules as the program prints them. */
export type PresentRules = Map<string, string[]>;

const keyOf = (table: string, chain: string) => `${table} ${chain}`;
export const presentRulesOf = (present: PresentRules, { table, name }: Chain): string[] | null =>
  present.get(keyOf(table, name)) ?? null;
const callersOf = (present: PresentRules, { table, calledBy }: Chain): string[] =>
  present.get(keyOf(table, calledBy ?? "")) ?? [];

/** Reads what `iptables-save` prints. */
export function parseRules(printed: string): PresentRules {
  const present: PresentRules = new Map();
  let table = "";
  for (const line of printed.split("\n")) {
    const begun = /^\*(\w+)/.exec(line)?.[1];
    const declared = /^:(\S+)/.exec(line)?.[1];
    const appended = /^-A (\S+) (.*)$/.exec(line);
    if (begun !== undefined) table = begun;
    else if (declared !== undefined) present.set(keyOf(table, declared), []);
    else if (appended) present.get(keyOf(table, appended[1]!))?.push(appended[2]!.trim());
  }
  return present;
}

/** Called before anything but chains of Catalyst, so that nothing lets through what these rules refuse. */
export function isCalledFirst(present: PresentRules, chain: Chain): boolean {
  if (chain.calledBy === null) return true;
  const rules = callersOf(present, chain);
  const at = rules.indexOf(`-j ${chain.name}`);
  return at >= 0 && rules.slice(0, at).every((rule) => rule.startsWith(`-j ${CHAIN_PREFIX}`));
}

function byTable(chains: readonly Chain[], linesOf: (chains: readonly Chain[]) => string[]): string {
  const tables = [...Map.groupBy(chains, ({ table }) => table)];
  return tables.map(([table, of]) => [`*${table}`, ...linesOf(of), "COMMIT", ""].join("\n")).join("");
}

const uncalls = (present: PresentRules, chain: Chain) =>
  callersOf(present, chain)
    .filter((rule) => rule === `-j ${chain.name}`)
    .map((rule) => `-D ${chain.calledBy} ${rule}`);

/** Input of `iptables-restore --noflush`: a table's rules hold from one moment to the next, and nothing else is touched. */
export function restoreInput(chains: readonly Chain[], present: PresentRules): string {
  return byTable(chains, (of) => [
    ...of.map(({ name }) => `:${name} - [0:0]`),
    ...of.flatMap(({ name, rules }) => rules.map((rule) => `-A ${name} ${rule}`)),
    ...of.flatMap((chain) =>
      isCalledFirst(present, chain) ? [] : [...uncalls(present, chain), `-I ${chain.calledBy} 1 -j ${chain.name}`],
    ),
  ]);
}

/** The same, to be rid of the chains; null when there are none. */
export function removalInput(chains: readonly Chain[], present: PresentRules): string | null {
  const own = chains.filter((chain) => presentRulesOf(present, chain) !== null);
  if (own.length === 0) return null;
  return byTable(own, (of) => [
    ...of.map(({ name }) => `:${name} - [0:0]`),
    ...of.flatMap((chain) => uncalls(present, chain)),
    ...of.map(({ name }) => `-X ${name}`),
  ]);
}
