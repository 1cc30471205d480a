import { describe, expect, it } from "vitest";
import type { PoolNetwork } from "../../protocol/network.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { conflist, readConflist, subnetsOf } from "./conflist.ts";
import { freeIpv4Subnet, uniqueIpv6Subnet } from "./free-subnet.ts";
import { agentKey, isPrivateRange, ownNetwork, plannedNetwork } from "./network-plan.ts";

const key = agentKey("/var/lib/catalyst");
const pool: PoolNetwork = {
  ...{ poolId: "pool-1", name: "games", kind: "bridge", parent: null, cidr: "10.50.0.0/24", gateway: "10.50.0.1" },
  ...{ isIsolated: true, ip: "10.50.0.9" },
};
const inPool = (changes: Partial<PoolNetwork> = {}) =>
  serverSpec({ networkMode: "pool", ownerId: "alice", pool: { ...pool, ...changes } });

describe("the network of a server", () => {
  it("is its owner's, nobody else's, and another agent's has another name", () => {
    const of = (id: string, ownerId: string | null, by = key) => ownNetwork({ id, ownerId }, by).name;
    expect(of("a", "alice")).toBe(of("b", "alice"));
    expect(of("a", "alice")).not.toBe(of("a", "bob"));
    expect(of("a", null)).not.toBe(of("b", null));
    expect(of("alice", null)).not.toBe(of("a", "alice"));
    expect(of("a", "alice")).not.toBe(of("a", "alice", agentKey("/elsewhere")));
  });

  it("has names that the kernel and nerdctl take", () => {
    const { name, bridge } = plannedNetwork(inPool(), key)!;
    expect(name).toMatch(/^[a-z0-9-]{1,60}$/);
    expect(bridge).toMatch(/^cat-[0-9a-f]{1,11}$/);
  });

  it("is the node's own in host mode, and the owner's where a pool is not told", () => {
    expect(plannedNetwork(serverSpec({ networkMode: "host" }), key)).toBeNull();
    const lost = serverSpec({ networkMode: "pool", ownerId: "alice", pool: null });
    expect(plannedNetwork(lost, key)).toEqual(ownNetwork(lost, key));
  });

  it("of a macvlan pool has no bridge", () => {
    expect(plannedNetwork(inPool({ kind: "macvlan", parent: "eth1" }), key)!.bridge).toBeNull();
  });

  it.each([
    ["10.0.0.0/8", true],
    ["172.31.0.0/16", true],
    ["172.32.0.0/16", false],
    ["192.168.4.0/24", true],
    ["100.64.0.0/10", true],
    ["203.0.113.0/24", false],
    ["fd12::/64", true],
    ["2001:db8::/64", false],
  ])("%s is private: %s", (cidr, isPrivate) => {
    expect(isPrivateRange(cidr)).toBe(isPrivate);
  });
});

describe("a network's file", () => {
  const setting = { nodeId: "node-1", leaseFolder: "/leases" };

  it("tells an agent that comes back all that it must know", () => {
    const network = plannedNetwork(inPool(), key)!;
    const text = JSON.stringify(conflist(network, [{ subnet: pool.cidr, gateway: pool.gateway }], setting));
    expect(readConflist(text)?.network).toEqual(network);
    expect(subnetsOf(text)).toEqual({ name: network.name, subnets: ["10.50.0.0/24"] });
    expect(readConflist(text.slice(0, -5))).toBeNull();
    expect(subnetsOf("{}")).toEqual({ name: "", subnets: [] });
  });

  it("has a way out in each family that it has a range of", () => {
    const { plugins } = conflist(
      ownNetwork({ id: "a", ownerId: "b" }, key),
      [{ subnet: "10.208.0.0/24" }, { subnet: "fd00::/64" }],
      setting,
    );
    expect(plugins).toMatchObject([{ type: "bridge", ipam: { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] } }]);
  });
});

describe("a range for a private network", () => {
  it("is the same for the same name, and never one that meets another", () => {
    const first = freeIpv4Subnet("a", "10.208.0.0/12", [])!;
    expect(freeIpv4Subnet("a", "10.208.0.0/12", ["0.0.0.0/0", "192.168.0.0/16", "fd00::/8"])).toBe(first);
    const second = freeIpv4Subnet("a", "10.208.0.0/12", [first])!;
    expect(second).not.toBe(first);
    const inside = first.replace(".0/24", ".77/32");
    expect(freeIpv4Subnet("a", "10.208.0.0/12", [inside])).toBe(second);
  });

  it("is none when all are taken", () => {
    const taken: string[] = [];
    for (let i = 0; i < 4; i++) taken.push(freeIpv4Subnet(`n${i}`, "10.208.0.0/22", taken)!);
    expect(new Set(taken).size).toBe(4);
    expect(freeIpv4Subnet("more", "10.208.0.0/22", taken)).toBeNull();
    expect(freeIpv4Subnet("more", "10.208.0.0/12", ["10.0.0.0/8"])).toBeNull();
  });

  it("of IPv6 is a unique local one", () => {
    expect(uniqueIpv6Subnet("a")).toMatch(/^fd[0-9a-f:]+\/64$/);
    expect(uniqueIpv6Subnet("a")).not.toBe(uniqueIpv6Subnet("b"));
  });
});
