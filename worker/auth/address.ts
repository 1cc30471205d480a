/** Client addresses and the allow-lists of API keys: single addresses and CIDR blocks, IPv4 and IPv6. */

/** @returns the 4 or 16 bytes of an address, or null when it is none. IPv4 inside IPv6 comes out as IPv4. */
export function addressBytes(address: string): number[] | null {
  if (!address.includes(":")) return ipv4Bytes(address);
  const bytes = ipv6Bytes(address.split("%")[0]!);
  if (!bytes) return null;
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}

function ipv4Bytes(address: string): number[] | null {
  const parts = address.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return null;
  return parts.map(Number);
}

function ipv6Bytes(address: string): number[] | null {
  let text = address;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const tail = ipv4Bytes(dotted[2]!);
    if (!tail) return null;
    const group = (high: number, low: number) => ((high << 8) | low).toString(16);
    text = `${dotted[1]}${group(tail[0]!, tail[1]!)}:${group(tail[2]!, tail[3]!)}`;
  }
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  const given = groups.flat().length;
  if (halves.length === 1 ? given !== 8 : given > 7) return null;
  const all = [...groups[0]!, ...Array<string>(8 - given).fill("0"), ...(groups[1] ?? [])];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
}

/** @returns the block's bytes and prefix length in bits, or null when it is no block and no address. */
export function parseBlock(block: string): { bytes: number[]; prefixBits: number } | null {
  const [address, prefix, ...rest] = block.split("/");
  const bytes = rest.length === 0 ? addressBytes(address!) : null;
  if (!bytes) return null;
  const totalBits = bytes.length * 8;
  if (prefix === undefined) return { bytes, prefixBits: totalBits };
  const prefixBits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  return prefixBits <= totalBits ? { bytes, prefixBits } : null;
}

/** Whether an address lies in one of the blocks. An unknown address lies in none. */
export function isInBlocks(address: string | null, blocks: readonly string[]): boolean {
  const bytes = address === null ? null : addressBytes(address);
  if (!bytes) return false;
  return blocks.some((text) => {
    const block = parseBlock(text);
    if (!block || block.bytes.length !== bytes.length) return false;
    return bytes.every((byte, index) => {
      const bits = Math.min(8, Math.max(0, block.prefixBits - index * 8));
      const mask = (0xff << (8 - bits)) & 0xff;
      return (byte & mask) === (block.bytes[index]! & mask);
    });
  });
}
