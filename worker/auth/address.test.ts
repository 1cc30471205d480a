import { describe, expect, it } from "vitest";
import { addressBytes, isInBlocks, parseBlock } from "./address.ts";

describe("an address", () => {
  it.each([
    ["1.2.3.4", [1, 2, 3, 4]],
    ["::ffff:1.2.3.4", [1, 2, 3, 4]],
    ["::1", [...Array(15).fill(0), 1]],
    ["2001:db8::5", [0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 5]],
  ])("%s is read", (text, bytes) => expect(addressBytes(text)).toEqual(bytes));

  it.each(["", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":::", "1::2::3", "12345::", "g::1", "::1.2.3.4.5", "a"])(
    "%j is none",
    (text) => expect(addressBytes(text)).toBeNull(),
  );
});

describe("an allow-list", () => {
  it.each<[string, string, boolean]>([
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.4", "10.1.2.3", false],
    ["10.1.2.255", "10.1.2.0/24", true],
    ["10.1.3.0", "10.1.2.0/24", false],
    ["10.1.3.7", "10.1.2.0/23", true],
    ["203.0.113.9", "0.0.0.0/0", true],
    ["2001:db8:1::9", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["::ffff:10.1.2.3", "10.1.2.0/24", true],
    ["10.1.2.3", "::/0", false],
  ])("%s in %s: %s", (address, block, isIn) => expect(isInBlocks(address, [block])).toBe(isIn));

  it("does not let in an address that is not known, nor an unreadable block", () => {
    expect(isInBlocks(null, ["0.0.0.0/0"])).toBe(false);
    expect(isInBlocks("1.2.3.4", ["nonsense", "1.2.3.0/33"])).toBe(false);
    expect(parseBlock("1.2.3.0/24/1")).toBeNull();
  });
});
