import { describe, expect, it } from "vitest";
import { chooseAddresses, isWithin, macOf } from "./addresses.ts";

const OWN = ["10.208.7.0/24", "fd12:3456:789a:bcde::/64"];
const choose = (changes: Partial<Parameters<typeof chooseAddresses>[1]> = {}, subnets = OWN) =>
  chooseAddresses(subnets, { poolIp: null, before: null, taken: new Set(), ...changes });

describe("addresses in a private network", () => {
  it("begin behind the gateway's, one of each family that belong together", () => {
    expect(choose()).toEqual({ ipv4: "10.208.7.2", ipv6: "fd12:3456:789a:bcde::ad0:702" });
    expect(choose({ taken: new Set(["10.208.7.2", "10.208.7.3"]) })?.ipv4).toBe("10.208.7.4");
    expect(choose({}, ["10.208.7.0/24"])).toEqual({ ipv4: "10.208.7.2", ipv6: null });
  });

  it("stay as they were while the network is the same and nobody else has them", () => {
    expect(choose({ before: "10.208.7.9" })?.ipv4).toBe("10.208.7.9");
    expect(choose({ before: "10.209.7.9" })?.ipv4).toBe("10.208.7.2");
    expect(choose({ before: "10.208.7.9", taken: new Set(["10.208.7.9"]) })?.ipv4).toBe("10.208.7.2");
  });

  it("are none when all are taken", () => {
    const taken = new Set(Array.from({ length: 256 }, (_, host) => `10.208.7.${host}`));
    expect(choose({ taken })).toBeNull();
    taken.delete("10.208.7.254");
    expect(choose({ taken })?.ipv4).toBe("10.208.7.254");
    taken.add("10.208.7.254").delete("10.208.7.255");
    expect(choose({ taken })).toBeNull();
  });
});

describe("addresses in a pool", () => {
  it("are the one that was given, and a private one in the other family", () => {
    expect(choose({ poolIp: "10.50.0.9" }, ["10.50.0.0/24", "fd00:1::/64"])).toEqual({
      ipv4: "10.50.0.9",
      ipv6: "fd00:1::a32:9",
    });
    expect(choose({ poolIp: "2001:db8::abcd" }, ["2001:db8::/64", "10.208.3.0/24"])).toEqual({
      ipv4: "10.208.3.2",
      ipv6: "2001:db8::abcd",
    });
    expect(choose({ poolIp: "10.50.0.9" }, ["10.50.0.0/24"])).toEqual({ ipv4: "10.50.0.9", ipv6: null });
  });
});

it("an interface has the same hardware address whenever it has the same address", () => {
  expect(macOf({ ipv4: "10.208.7.2", ipv6: null })).toBe("02:ca:0a:d0:07:02");
  expect(macOf({ ipv4: "10.208.7.2", ipv6: "fd00::1" })).toBe("02:ca:0a:d0:07:02");
});

it.each([
  ["10.0.0.9", "10.0.0.0/24", true],
  ["10.0.1.9", "10.0.0.0/24", false],
  ["fd00::9", "10.0.0.0/24", false],
])("%s is in %s: %s", (ip, cidr, isIn) => {
  expect(isWithin(ip, cidr)).toBe(isIn);
});
