import { execFileSync, spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NerdctlRuntime } from "../runtime/nerdctl/nerdctl-runtime.ts";
import { TestNode } from "../runtime/nerdctl/testing/test-node.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { addressesOf, callFrom, callTcp, callUdp, type EchoServer, startEcho } from "./testing/echo-servers.ts";
import { firewallLines } from "./testing/left-over.ts";

let node: TestNode;
let runtime: NerdctlRuntime;
beforeEach(async () => {
  node = new TestNode();
  runtime = await node.watchedRuntime();
});
afterEach(() => node.cleanUp());

const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
const hostIpv4 = addresses.find(({ family, internal }) => family === "IPv4" && !internal)!.address;
const hostIpv6 = addresses.find(
  ({ family, internal, address }) => family === "IPv6" && !internal && !address.startsWith("fe80"),
)?.address;

const echo = (ownerId: string, port?: number, ip = "0.0.0.0") =>
  startEcho(node, runtime, { ownerId, allocations: port === undefined ? [] : [{ ip, port, isPrimary: true }] });

const REFUSED = ["ECONNREFUSED", "timeout", "EHOSTUNREACH", "ENETUNREACH", "EACCES", "EPERM"];

describe("servers of different owners", () => {
  it("cannot reach each other's private network, those of one owner can, and published ports are for all", async () => {
    const [alice, bob, bobs2] = await Promise.all([echo("alice", 26_611), echo("bob", 26_612), echo("bob")]);
    const [a, b, b2] = await Promise.all(
      [alice, bob, bobs2].map(addressesOf) as Promise<{ ipv4: string; ipv6: string }>[],
    );
    for (const family of ["ipv4", "ipv6"] as const) {
      if (family === "ipv6" && hostIpv6 === undefined) continue;
      expect(REFUSED, family).toContain(await callFrom(alice, b![family]));
      expect(REFUSED, family).toContain(await callFrom(bob, a![family]));
      expect(REFUSED, family).toContain(await callFrom(bobs2, a![family]));
      expect(await callFrom(bob, b2![family]), family).toBe("hi");
      expect(await callFrom(bobs2, b![family]), family).toBe("hi");
    }
    // A port that is not published is not to be had by its number at the private address either.
    expect(REFUSED).toContain(await callFrom(alice, b!.ipv4, 26_612));
    expect(await callFrom(alice, hostIpv4, 26_612)).toBe("hi");
    expect(await callFrom(bob, hostIpv4, 26_611)).toBe("hi");
    // And its own, by the node's address.
    expect(await callFrom(bob, hostIpv4, 26_612)).toBe("hi");
    expect(await callTcp("127.0.0.1", 26_611)).toBe("hi");
  }, 120_000);

  it("stay apart when the firewall was flushed, the rules moved behind others, or another agent takes over", async () => {
    const [alice, bob] = (await Promise.all([echo("alice"), echo("bob")])) as [EchoServer, EchoServer];
    const { ipv4 } = await addressesOf(bob);
    const specs = [alice.launch.spec, bob.launch.spec];
    const chain = firewallLines(node.dataDir)
      .find((line) => line.startsWith("-A FORWARD"))!
      .split(" ")
      .at(-1)!;

    execFileSync("iptables", ["-F", chain], { stdio: "ignore" });
    expect(await callFrom(alice, ipv4)).toBe("hi");
    await runtime.follow(specs);
    expect(REFUSED).toContain(await callFrom(alice, ipv4));

    // Somebody lets everything through before these rules are asked.
    const open = ["FORWARD", "-s", ipv4.replace(/\d+$/, "0/24"), "-d", "192.0.2.200", "-j", "ACCEPT"];
    execFileSync("iptables", ["-I", ...open], { stdio: "ignore" });
    try {
      await runtime.follow(specs);
      const forward = execFileSync("iptables", ["-S", "FORWARD"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      expect(forward.indexOf(chain)).toBeLessThan(forward.indexOf("192.0.2.200"));
      expect(forward.split(chain)).toHaveLength(2);
    } finally {
      execFileSync("iptables", ["-D", ...open], { stdio: "ignore" });
    }

    await runtime.close();
    const next = await node.watchedRuntime();
    // One server alone is started by the next agent: the rules of those it found must not go.
    await startEcho(node, next, { ownerId: "carol", allocations: [] });
    expect(REFUSED).toContain(await callFrom(alice, ipv4));
    await next.follow(specs);
    expect(REFUSED).toContain(await callFrom(alice, ipv4));
    expect(REFUSED).toContain(await callFrom(bob, (await addressesOf(alice)).ipv4));
  }, 120_000);
});

describe("the node", () => {
  let service: Server | null = null;
  afterEach(() => void service?.close());

  it("is not reached by servers at its own address, save for what it allows", async () => {
    const open = createServer((socket) => socket.pipe(socket));
    service = open;
    await new Promise<void>((resolve) => open.listen(0, "0.0.0.0", resolve));
    const { port } = open.address() as { port: number };
    const alice = await echo("alice");
    const gateway = (await addressesOf(alice)).ipv4.replace(/\d+$/, "1");
    for (const address of [hostIpv4, gateway]) expect(REFUSED).toContain(await callFrom(alice, address, port));
    expect(await callTcp(hostIpv4, port)).toBe("hi");
    // A server in host mode has this port.
    const host = node.launch("true", { networkMode: "host", allocations: [{ ip: "0.0.0.0", port, isPrimary: true }] });
    await runtime.follow([alice.launch.spec, host.spec]);
    expect(await callFrom(alice, hostIpv4, port)).toBe("hi");
  }, 60_000);

  it("keeps the metadata that its cloud tells it to itself, but servers get out", async () => {
    const space = `cat${process.pid}`;
    const [outer, inner] = [`co${process.pid}`, `ci${process.pid}`];
    const ip = (...args: string[]) => execFileSync("ip", args);
    const inSpace = (...args: string[]) => ip("netns", "exec", space, "ip", ...args);
    ip("netns", "add", space);
    try {
      ip("link", "add", outer, "type", "veth", "peer", "name", inner);
      ip("link", "set", inner, "netns", space);
      ip("addr", "add", "192.0.2.129/30", "dev", outer);
      ip("link", "set", outer, "up");
      inSpace("addr", "add", "192.0.2.130/30", "dev", inner);
      inSpace("link", "set", inner, "up");
      inSpace("link", "set", "lo", "up");
      inSpace("addr", "add", "169.254.169.254/32", "dev", "lo");
      inSpace("route", "add", "default", "via", "192.0.2.129");
      ip("route", "add", "169.254.169.254/32", "via", "192.0.2.130");
      const server = `require("node:net").createServer((c)=>{c.on("error",()=>{});c.pipe(c)}).listen(80,()=>console.log("up"))`;
      const child = spawn("ip", ["netns", "exec", space, process.execPath, "-e", server]);
      try {
        await new Promise((resolve) => child.stdout.once("data", resolve));
        const alice = await echo("alice");
        expect(await callTcp("169.254.169.254", 80)).toBe("hi");
        expect(await callFrom(alice, "192.0.2.130", 80)).toBe("hi");
        expect(REFUSED).toContain(await callFrom(alice, "169.254.169.254", 80));
      } finally {
        child.kill("SIGKILL");
      }
    } finally {
      ip("netns", "delete", space);
      // The pair goes with the space that its other end is in.
      await waitUntil("the end of the pair", () => networkInterfaces()[outer] === undefined);
    }
  }, 60_000);
});

describe("published ports", () => {
  it("carry TCP and UDP, on chosen addresses, IPv4 and IPv6", async () => {
    const allocations = [
      { ip: "127.0.0.1", port: 26_621, isPrimary: true },
      { ip: "0.0.0.0", port: 26_622, isPrimary: false },
      ...(hostIpv6 === undefined
        ? []
        : [
            { ip: hostIpv6, port: 26_623, isPrimary: false },
            { ip: "::", port: 26_624, isPrimary: false },
          ]),
    ];
    await startEcho(node, runtime, { ownerId: "alice", allocations });
    for (const call of [callTcp, callUdp]) {
      expect(await call("127.0.0.1", 26_621)).toBe("hi");
      expect(await call(hostIpv4, 26_622)).toBe("hi");
      expect(await call(hostIpv4, 26_621)).not.toBe("hi");
      if (hostIpv6 === undefined) continue;
      expect(await call(hostIpv6, 26_623)).toBe("hi");
      expect(await call(hostIpv6, 26_624)).toBe("hi");
    }
  }, 60_000);
});
