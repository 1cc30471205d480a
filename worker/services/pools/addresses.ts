/** Address arithmetic of pools. Pure; what an address is, is ipaddr.js's knowledge. */
import ipaddr from "ipaddr.js";
import { invalid } from "../../errors.ts";

type Ip = ipaddr.IPv4 | ipaddr.IPv6;

/** Both ends included. */
export interface IpRange {
  first: string;
  last: string;
}

/** Kinds of addresses (ipaddr.js's names) that no server can have. */
const UNUSABLE = new Set(["unspecified", "broadcast", "multicast", "linkLocal", "loopback"]);

/**
 * The one way to write an address, as Postgres writes it; IPv4 dressed as IPv6 becomes IPv4.
 *
 * @throws Refusal VALIDATION
 */
export function canonicalIp(text: string): string {
  if (!ipaddr.isValid(text) || text.includes("%")) throw invalid("ip", "is not an IP address");
  return ipaddr.process(text).toString();
}

function numberOf(ip: Ip): bigint {
  return ip.toByteArray().reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function ipOf(number: bigint, kind: "ipv4" | "ipv6"): string {
  const bytes: number[] = [];
  for (let rest = number, i = kind === "ipv4" ? 4 : 16; i > 0; i--, rest /= 256n) bytes.unshift(Number(rest % 256n));
  return ipaddr.fromByteArray(bytes).toString();
}

const inOrder = (...numbers: bigint[]) => numbers.sort((a, b) => (a < b ? -1 : 1));
const smaller = (a: bigint, b: bigint) => inOrder(a, b)[0]!;
const larger = (a: bigint, b: bigint) => inOrder(a, b)[1]!;

interface Network {
  kind: "ipv4" | "ipv6";
  first: bigint;
  last: bigint;
  cidr: string;
}

function parseNetwork(text: string): Network {
  const [ip, length] = ipaddr.parseCIDR(text);
  const kind = ip.kind();
  const size = 2n ** BigInt((kind === "ipv4" ? 32 : 128) - length);
  const number = numberOf(ip);
  const first = number - (number % size);
  return { kind, first, last: first + size - 1n, cidr: `${ipOf(first, kind)}/${length}` };
}

/**
 * The range of a pool in its canonical form.
 *
 * @throws Refusal VALIDATION when no server could have an address of it
 */
export function canonicalCidr(text: string): string {
  const network = parseNetwork(text);
  const [ip, length] = ipaddr.parseCIDR(text);
  if (numberOf(ip) !== network.first) throw invalid("cidr", `has bits beyond its prefix; ${network.cidr} was meant?`);
  if (UNUSABLE.has(ip.range()) || (network.kind === "ipv4" && network.last >= 240n << 24n)) {
    throw invalid("cidr", "is not a range that servers can have addresses of");
  }
  if (length < 8 || length > (network.kind === "ipv4" ? 30 : 126)) {
    throw invalid("cidr", network.kind === "ipv4" ? "must be from /8 to /30" : "must be from /8 to /126");
  }
  return network.cidr;
}

/** What the gateway is when nobody says. */
export function firstAddress(cidr: string): string {
  const { first, kind } = parseNetwork(cidr);
  return ipOf(first + 1n, kind);
}

function endsOf(text: string, network: Network): [bigint, bigint] {
  const [from = "", to = from, ...more] = text.split("-").map((part) => part.trim());
  if (more.length > 0) throw new Error("more than two ends");
  if (from.includes("/")) {
    const inner = parseNetwork(from);
    if (to !== from || inner.kind !== network.kind) throw new Error("not a range");
    return [inner.first, inner.last];
  }
  const [first, last] = [ipaddr.parse(from), ipaddr.parse(to)];
  if (first.kind() !== network.kind || last.kind() !== network.kind) throw new Error("of the other family");
  return [numberOf(first), numberOf(last)];
}

/**
 * Exclusions in order, merged where they meet, and cut to the pool's own range, so that their sizes can be added up.
 *
 * @throws Refusal VALIDATION for one that is no address or range of the pool
 */
export function canonicalExclusions(texts: readonly string[], cidr: string): IpRange[] {
  const network = parseNetwork(cidr);
  const ends = texts.map((text): [bigint, bigint] => {
    const refuse = () => invalid("exclusions", `${text.slice(0, 50)} is not an address or range of ${cidr}`);
    let range: [bigint, bigint];
    try {
      range = endsOf(text, network);
    } catch {
      throw refuse();
    }
    if (range[0] > range[1] || range[0] > network.last || range[1] < network.first) throw refuse();
    return [larger(range[0], network.first), smaller(range[1], network.last)];
  });
  const merged: [bigint, bigint][] = [];
  for (const [first, last] of ends.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1n) before[1] = larger(before[1], last);
    else merged.push([first, last]);
  }
  return merged.map(([first, last]) => ({ first: ipOf(first, network.kind), last: ipOf(last, network.kind) }));
}

export const exclusionText = ({ first, last }: IpRange) => (first === last ? first : `${first}-${last}`);

/** How many addresses servers can have in all; null when it is more than a number holds exactly. */
export function capacity(cidr: string, gateway: string, exclusions: readonly IpRange[]): number | null {
  const { first, last, kind } = parseNetwork(cidr);
  const usable: [bigint, bigint] = [first + 1n, kind === "ipv4" ? last - 1n : last];
  const gatewayNumber = numberOf(ipaddr.parse(gateway));
  let count = usable[1] - usable[0] + 1n;
  let isGatewayExcluded = false;
  for (const range of exclusions) {
    const [from, to] = [numberOf(ipaddr.parse(range.first)), numberOf(ipaddr.parse(range.last))];
    if (from <= gatewayNumber && gatewayNumber <= to) isGatewayExcluded = true;
    const [low, high] = [larger(from, usable[0]), smaller(to, usable[1])];
    if (low <= high) count -= high - low + 1n;
  }
  if (!isGatewayExcluded) count -= 1n;
  return count > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(count);
}
