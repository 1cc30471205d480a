import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PoolNetwork } from "../../protocol/network.ts";
import type { NerdctlRuntime } from "../runtime/nerdctl/nerdctl-runtime.ts";
import { nerdctl, TestNode } from "../runtime/nerdctl/testing/test-node.ts";
import { addressesOf, callFrom, callTcp, type EchoServer, startEcho } from "./testing/echo-servers.ts";
import { bridges, cniResults, firewallLines, leases, networkFiles } from "./testing/left-over.ts";

let node: TestNode;
let runtime: NerdctlRuntime;
/** Out of the way of everything else on the machine, and of other runs of this test. */
let third: number;
beforeEach(async () => {
  node = new TestNode();
  runtime = await node.watchedRuntime();
  third = 1 + (process.pid % 250);
});
afterEach(() => node.cleanUp());

const pool = (ip: string, changes: Partial<PoolNetwork> = {}): PoolNetwork => ({
  poolId: "pool-1",
  name: "games",
  kind: "bridge",
  parent: null,
  cidr: `10.201.${third}.0/24`,
  gateway: `10.201.${third}.1`,
  isIsolated: true,
  ip,
  ...changes,
});
const inPool = (last: number, changes: Partial<PoolNetwork> = {}, spec: Partial<EchoServer["launch"]["spec"]> = {}) =>
  startEcho(node, runtime, {
    ownerId: `owner-${last}`,
    networkMode: "pool",
    pool: pool(`10.201.${third}.${last}`, changes),
    allocations: [],
    ...spec,
  });

const REFUSED = ["ECONNREFUSED", "timeout", "EHOSTUNREACH"];

describe("a bridge pool", () => {
  it("gives a server exactly its address; its servers are kept apart until the pool says otherwise, at once", async () => {
    const allocations = [{ ip: "0.0.0.0", port: 26_631, isPrimary: true }];
    const [nine, ten] = (await Promise.all([inPool(9), inPool(10, {}, { allocations })])) as [EchoServer, EchoServer];
    expect((await addressesOf(nine)).ipv4).toBe(`10.201.${third}.9`);
    const tenth = (await addressesOf(ten)).ipv4;
    expect(tenth).toBe(`10.201.${third}.10`);
    expect(REFUSED).toContain(await callFrom(nine, tenth));
    expect(REFUSED).toContain(await callFrom(ten, `10.201.${third}.9`));
    expect(await callTcp("127.0.0.1", 26_631)).toBe("hi");

    // The private network of another server, and the other way round.
    const stranger = await startEcho(node, runtime, { ownerId: "stranger", allocations: [] });
    expect(REFUSED).toContain(await callFrom(stranger, tenth));
    expect(REFUSED).toContain(await callFrom(ten, (await addressesOf(stranger)).ipv4));

    const open = [nine, ten].map(({ launch: { spec } }) => ({ ...spec, pool: { ...spec.pool!, isIsolated: false } }));
    await runtime.follow([...open, stranger.launch.spec]);
    expect(await callFrom(nine, tenth)).toBe("hi");
    expect(REFUSED).toContain(await callFrom(stranger, tenth));
    await runtime.follow([nine.launch.spec, ten.launch.spec, stranger.launch.spec]);
    expect(REFUSED).toContain(await callFrom(nine, tenth));
  }, 120_000);

  it("gives an IPv6 address, and IPv4 besides", async () => {
    const six = { cidr: `fd77:${third}::/64`, gateway: `fd77:${third}::1`, ip: `fd77:${third}::abcd` };
    const server = await inPool(9, six);
    const { ipv4, ipv6 } = await addressesOf(server);
    expect(ipv6).toBe(`fd77:${third}::abcd`);
    expect(ipv4).toMatch(/^10\.2/);
  }, 60_000);

  it("refuses an address that another container has, and gives one that a lost container had", async () => {
    const first = await inPool(9);
    const second = node.launch("sleep 100", { networkMode: "pool", pool: pool(`10.201.${third}.9`), ownerId: "other" });
    await expect(runtime.start(second)).rejects.toThrow(`The address 10.201.${third}.9 is still in use on this node.`);
    await runtime.remove(first.id);
    // As after a power cut that took containerd's memory of the container.
    const [file] = await networkFiles(node.dataDir);
    const network = file!.replace(/^nerdctl-|\.conflist$/g, "");
    const note = join(node.dataDir, "nerdctl-runtime", "addresses", network, `10.201.${third}.9`);
    await runtime.start(second);
    await runtime.remove(second.spec.id);
    const last = node.launch("sleep 100", { networkMode: "pool", pool: pool(`10.201.${third}.11`), ownerId: "other" });
    await runtime.start(last);
    writeFileSync(note, `catalyst-${"a".repeat(64)}\neth0`);
    expect((await runtime.start(second)).isRunning).toBe(true);
  }, 60_000);

  it("has another gateway from the moment on that nobody uses it", async () => {
    const first = await inPool(9);
    const gateway = `10.201.${third}.254`;
    const second = await inPool(10, { gateway });
    const routeOf = ({ id }: EchoServer) => nerdctl("exec", `catalyst-${id}`, "cat", "/proc/net/route").split("\n")[1]!;
    expect(routeOf(second)).toBe(routeOf(first));
    const before = routeOf(first);
    await Promise.all([runtime.remove(first.id), runtime.remove(second.id)]);
    const after = await inPool(11, { gateway });
    expect(routeOf(after)).not.toBe(before);
    expect(await callFrom(after, gateway)).toBe("ECONNREFUSED");
  }, 90_000);
});

describe("a macvlan pool", () => {
  const parent = `cvm${process.pid % 100_000}`;
  const peer = `cvp${process.pid % 100_000}`;
  const space = `catlan${process.pid}`;
  const ip = (...args: string[]) => execFileSync("ip", args);
  beforeEach(() => {
    ip("netns", "add", space);
    ip("link", "add", parent, "type", "veth", "peer", "name", peer);
    ip("link", "set", peer, "netns", space);
    ip("link", "set", parent, "up");
    ip("netns", "exec", space, "ip", "addr", "add", `10.202.${third}.1/24`, "dev", peer);
    ip("netns", "exec", space, "ip", "link", "set", peer, "up");
  });
  afterEach(async () => {
    await node.cleanUp();
    ip("netns", "delete", space);
  });
  const onLan = (last: number) =>
    inPool(
      last,
      {
        kind: "macvlan",
        parent,
        cidr: `10.202.${third}.0/24`,
        gateway: `10.202.${third}.1`,
        ip: `10.202.${third}.${last}`,
      },
      { allocations: [{ ip: "0.0.0.0", port: 26_641, isPrimary: true }] },
    );
  const callFromLan = (address: string) =>
    execFileSync("ip", [
      ...["netns", "exec", space, process.execPath, "-e"],
      `const s=require("node:net").connect({host:"${address}",port:7777});s.setTimeout(3000,()=>{console.log("timeout");process.exit()});
       s.on("error",(e)=>{console.log(e.code);process.exit()});s.on("data",(d)=>{console.log(String(d));process.exit()});s.on("connect",()=>s.write("hi"))`,
    ])
      .toString()
      .trim();

  it("puts a server on the network of the node's interface with its own address, and publishes nothing", async () => {
    const [nine, ten] = (await Promise.all([onLan(9), onLan(10)])) as [EchoServer, EchoServer];
    expect((await addressesOf(nine)).ipv4).toBe(`10.202.${third}.9`);
    expect(callFromLan(`10.202.${third}.9`)).toBe("hi");
    expect(callFromLan(`10.202.${third}.10`)).toBe("hi");
    expect(await callTcp("127.0.0.1", 26_641)).toBe("ECONNREFUSED");
    // Both have the same port: each at its own address.
    expect(ten.launch.spec.allocations).toEqual(nine.launch.spec.allocations);
    await Promise.all([runtime.remove(nine.id), runtime.remove(ten.id)]);
    await runtime.follow([]);
    expect(await networkFiles(node.dataDir)).toEqual([]);
    expect(leases(node.dataDir)).toEqual([]);
  }, 60_000);

  it("says which interface the node lacks", async () => {
    const lan = { kind: "macvlan" as const, parent: "nosuch0" };
    await expect(inPool(9, lan)).rejects.toThrow("The node has no network interface nosuch0");
  });
});

describe("a removal", () => {
  it("leaves no network, bridge, rule, note of an address nor pair of interfaces", async () => {
    const allocations = [{ ip: "0.0.0.0", port: 26_651, isPrimary: true }];
    const [own, pooled] = (await Promise.all([
      startEcho(node, runtime, { ownerId: "alice", allocations }),
      inPool(9),
    ])) as [EchoServer, EchoServer];
    const files = await networkFiles(node.dataDir);
    const networks = files.map((file) => file.replace(/^nerdctl-|\.conflist$/g, ""));
    expect(networks).toHaveLength(2);
    // Others on this machine have theirs, which come and go.
    const ownBridges = () => bridges().filter((name) => files.some((file) => file.includes(name.replace("cat-", ""))));
    expect(ownBridges()).toHaveLength(2);
    expect(leases(node.dataDir).length).toBeGreaterThan(1);
    expect(firewallLines(node.dataDir).some((line) => line.includes("--dport 26651 -j DNAT"))).toBe(true);

    // The last one in its network goes: what others need stays.
    await runtime.remove(own.id);
    expect(await networkFiles(node.dataDir)).toHaveLength(1);
    await runtime.remove(pooled.id);
    expect(await networkFiles(node.dataDir)).toEqual([]);
    expect(firewallLines(node.dataDir)).toEqual([]);
    expect(firewallLines(node.dataDir, "ip6tables")).toEqual([]);
    expect(leases(node.dataDir)).toEqual([]);
    for (const network of networks) expect(cniResults(network)).toEqual([]);
    expect(ownBridges()).toEqual([]);
  }, 60_000);

  it("that the agent slept through is made up for by the next one, and a network in use stays", async () => {
    const [own, gone] = (await Promise.all([
      startEcho(node, runtime, { ownerId: "alice", allocations: [] }),
      startEcho(node, runtime, { ownerId: "bob", allocations: [] }),
    ])) as [EchoServer, EchoServer];
    await runtime.close();
    const next = await node.watchedRuntime();
    await next.follow([]);
    expect(await networkFiles(node.dataDir)).toHaveLength(2);
    nerdctl("rm", "-f", `catalyst-${gone.id}`);
    await next.follow([own.launch.spec]);
    expect(await networkFiles(node.dataDir)).toHaveLength(1);
    expect(firewallLines(node.dataDir).length).toBeGreaterThan(0);
  }, 60_000);
});

describe("a port that another program of the node has", () => {
  it.each(["TCP", "UDP"])(
    "by %s makes the start fail in words, and nothing is left",
    async (transport) => {
      const port = 26_661;
      const tcp = createServer();
      const udp = createSocket("udp4");
      if (transport === "TCP") await new Promise<void>((resolve) => tcp.listen(port, "127.0.0.1", resolve));
      else await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
      try {
        const launch = node.launch("sleep 100", { allocations: [{ ip: "127.0.0.1", port, isPrimary: true }] });
        await expect(runtime.start(launch)).rejects.toThrow(`Port ${port} is already in use on 127.0.0.1.`);
        expect(nerdctl("ps", "-a", "--format", "{{.Names}}")).not.toContain(launch.spec.id);
      } finally {
        tcp.close();
        udp.close();
      }
    },
    30_000,
  );
});
