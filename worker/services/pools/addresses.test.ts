import { describe, expect, it } from "vitest";
import { canonicalCidr, canonicalExclusions, canonicalIp, capacity, exclusionText, firstAddress } from "./addresses.ts";

const exclusions = (texts: string[], cidr: string) => canonicalExclusions(texts, cidr).map(exclusionText);

describe("an address", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::", "::"],
  ])("%s is written %s", (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
  });

  it.each(["fe80::1%eth0", "10.0.0.256", "localhost", ""])("%s is refused", (text) => {
    expect(() => canonicalIp(text)).toThrow("not an IP address");
  });
});

describe("a pool's range", () => {
  it.each([
    ["10.50.0.0/24", "10.50.0.1"],
    ["10.50.0.64/30", "10.50.0.65"],
    ["FD12:0:0:0::/64", "fd12::1"],
    ["203.0.113.0/28", "203.0.113.1"],
  ])("%s has the gateway %s by default", (cidr, gateway) => {
    expect(firstAddress(canonicalCidr(cidr))).toBe(gateway);
  });

  it.each([
    ["10.50.0.1/24", "10.50.0.0/24 was meant"],
    ["10.50.0.0/31", "/8 to /30"],
    ["10.0.0.0/7", "/8 to /30"],
    ["fd12::/127", "/8 to /126"],
    ["127.0.0.0/8", "not a range"],
    ["224.0.0.0/8", "not a range"],
    ["240.0.0.0/8", "not a range"],
    ["169.254.0.0/16", "not a range"],
    ["fe80::/64", "not a range"],
    ["ff00::/16", "not a range"],
  ])("cannot be %s", (cidr, words) => {
    expect(() => canonicalCidr(cidr)).toThrow(words);
  });
});

describe("exclusions", () => {
  it("are put in order, merged where they meet, and cut to the pool", () => {
    expect(exclusions(["10.0.0.9", "10.0.0.2-10.0.0.4", "10.0.0.5", "10.0.0.3"], "10.0.0.0/24")).toEqual([
      "10.0.0.2-10.0.0.5",
      "10.0.0.9",
    ]);
    expect(exclusions(["9.255.255.0-10.0.0.10", "10.0.0.128/25"], "10.0.0.0/24")).toEqual([
      "10.0.0.0-10.0.0.10",
      "10.0.0.128-10.0.0.255",
    ]);
    expect(exclusions(["fd12::1:0/112"], "fd12::/64")).toEqual(["fd12::1:0-fd12::1:ffff"]);
  });

  it.each(["10.0.1.1", "10.0.0.9-10.0.0.2", "fd12::1", "10.0.0.1-fd12::1", "1-2-3", "abc", "10.0.0.0/33", "-"])(
    "%s is refused",
    (text) => {
      expect(() => exclusions([text], "10.0.0.0/24")).toThrow("is not an address or range of 10.0.0.0/24");
    },
  );
});

describe("how many addresses servers can have", () => {
  it.each([
    ["10.0.0.0/24", "10.0.0.1", [], 253],
    ["10.0.0.0/30", "10.0.0.1", [], 1],
    ["10.0.0.0/24", "10.0.0.1", ["10.0.0.0-10.0.0.9"], 245],
    ["10.0.0.0/24", "10.0.0.1", ["10.0.0.250-10.0.0.255", "10.0.0.2"], 247],
    ["10.0.0.0/29", "10.0.0.6", ["10.0.0.1-10.0.0.5"], 0],
    ["fd12::/120", "fd12::1", ["fd12::10"], 253],
    ["fd12::/64", "fd12::1", [], null],
  ])("%s with gateway %s without %j: %s", (cidr, gateway, texts, count) => {
    expect(capacity(cidr, gateway, canonicalExclusions(texts, cidr))).toBe(count);
  });
});
