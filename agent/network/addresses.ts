/**
 * The addresses that a container has in its network. A server keeps its own from one run to the next: players' UDP
 * streams, which the kernel leads to the address that they began with, go on after a restart. Pure.
 */
import { isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import { boundsOf, ipv4Text } from "./ipv4-range.ts";

export interface Addresses {
  ipv4: string | null;
  ipv6: string | null;
}

/** The network's own address and the gateway's come first, the broadcast address last. */
const FIRST_HOST = 2;

/** The first address of a host in an IPv4 range that is not taken, or null. */
function firstFree(cidr: string, taken: ReadonlySet<string>): string | null {
  const [first, last] = boundsOf(cidr)!;
  for (let host = first + FIRST_HOST; host < last; host++) {
    const ip = ipv4Text(host);
    if (!taken.has(ip)) return ip;
  }
  return null;
}

export function isWithin(ip: string, cidr: string): boolean {
  const [address, range] = [ipaddr.parse(ip), ipaddr.parseCIDR(cidr)];
  return address.kind() === range[0].kind() && address.match(range);
}

/** The IPv6 address that belongs to an IPv4 one: the range's first 96 bits, and it. */
function ipv6Of(cidr: string, ipv4: string): string {
  const prefix = ipaddr.IPv6.parseCIDR(cidr)[0].toByteArray().slice(0, 12);
  return ipaddr.fromByteArray([...prefix, ...ipaddr.IPv4.parse(ipv4).octets]).toString();
}

/**
 * @param subnets of the network, at most one of each family.
 * @param poolIp the address that the control plane has given, in either family; null in a private network.
 * @param before the one that it had last, kept if it can be.
 * @param taken IPv4 addresses of others in this network.
 * @returns null when the network is full.
 */
export function chooseAddresses(
  subnets: readonly string[],
  { poolIp, before, taken }: { poolIp: string | null; before: string | null; taken: ReadonlySet<string> },
): Addresses | null {
  const range4 = subnets.find((subnet) => !subnet.includes(":"));
  const range6 = subnets.find((subnet) => subnet.includes(":"));
  if (poolIp !== null && !isIPv6(poolIp)) {
    return { ipv4: poolIp, ipv6: range6 === undefined ? null : ipv6Of(range6, poolIp) };
  }
  if (range4 === undefined) return { ipv4: null, ipv6: poolIp };
  const isKept = before !== null && isWithin(before, range4) && !taken.has(before);
  const ipv4 = isKept ? before : firstFree(range4, taken);
  if (ipv4 === null) return null;
  return { ipv4, ipv6: poolIp ?? (range6 === undefined ? null : ipv6Of(range6, ipv4)) };
}

/**
 * Of the interface: the same address has the same one again, so that nobody's memory of neighbours has to be renewed.
 * Locally administered, by its first byte.
 */
export function macOf({ ipv4, ipv6 }: Addresses): string {
  const bytes =
    ipv4 === null
      ? ipaddr
          .parse(ipv6 ?? "::")
          .toByteArray()
          .slice(-4)
      : ipaddr.IPv4.parse(ipv4).octets;
  return [0x02, 0xca, ...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
