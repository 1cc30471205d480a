/** IPv4 ranges in CIDR notation as the numbers of their addresses. Pure. */
import ipaddr from "ipaddr.js";

/** The first and the last address of a range; null when it is not IPv4. */
export function boundsOf(cidr: string): [number, number] | null {
  const [ip, length] = ipaddr.parseCIDR(cidr);
  if (ip.kind() !== "ipv4") return null;
  const number = ip.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - length);
  const first = number - (number % size);
  return [first, first + size - 1];
}

/** An address, given its number. */
export const ipv4Text = (number: number) =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
