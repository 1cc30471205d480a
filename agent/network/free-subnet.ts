/** Ranges for private networks that meet nothing which the machine knows. Pure. */
import { createHash } from "node:crypto";
import ipaddr from "ipaddr.js";
import { boundsOf, ipv4Text } from "./ipv4-range.ts";

/** Private networks of owners are /24s out of this range. */
export const PRIVATE_RANGE_DEFAULT = "10.208.0.0/12";
const SUBNET_BITS = 24;

function hashOf(name: string): Buffer {
  return createHash("sha256").update(name).digest();
}

/**
 * The same name gets the same range again where nothing else has taken it.
 *
 * @param taken ranges in use on the machine, in CIDR notation; what is not IPv4 is passed over.
 * @returns null when the whole range is taken.
 */
export function freeIpv4Subnet(name: string, range: string, taken: readonly string[]): string | null {
  const whole = boundsOf(range);
  if (!whole) return null;
  const size = 2 ** (32 - SUBNET_BITS);
  const count = Math.floor((whole[1] - whole[0] + 1) / size);
  const used = taken.flatMap((cidr) => {
    const found = boundsOf(cidr);
    // A default route takes nothing.
    return found && !cidr.endsWith("/0") ? [found] : [];
  });
  const begin = hashOf(name).readUInt32BE(0) % Math.max(count, 1);
  for (let i = 0; i < count; i++) {
    const first = whole[0] + ((begin + i) % count) * size;
    if (!used.some(([from, to]) => first <= to && from <= first + size - 1)) return `${ipv4Text(first)}/${SUBNET_BITS}`;
  }
  return null;
}

/** 40 random bits as RFC 4193 asks for, here of the name, and 16 more: nobody has this range by chance. */
export function uniqueIpv6Subnet(name: string): string {
  const bytes = [0xfd, ...hashOf(`${name} ipv6`).subarray(0, 7), ...Array(8).fill(0)];
  return `${ipaddr.fromByteArray(bytes).toString()}/64`;
}
