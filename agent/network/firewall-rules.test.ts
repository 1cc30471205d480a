import { describe, expect, it } from "vitest";
import { type FirewallPlan, firewallChains } from "./firewall-rules.ts";
import { isCalledFirst, parseRules, presentRulesOf, removalInput, restoreInput } from "./restore-input.ts";

const own = {
  bridge: "cat-a",
  isIsolated: false,
  isPool: false,
  isRouted: false,
  subnets: ["10.208.1.0/24", "fd00:1::/64"],
};
const plan: FirewallPlan = {
  key: "k",
  bridges: [own],
  hostPorts: [3306, 3306, 80],
  publishedPorts: [
    { ip: "0.0.0.0", port: 25_566, leadsTo: "10.208.1.3" },
    { ip: "192.0.2.1", port: 25_565, leadsTo: "10.208.1.2" },
    { ip: "::", port: 25_567, leadsTo: "fd00:1::3" },
  ],
  gamePorts: [
    { ip: "0.0.0.0", port: 25_570 },
    { ip: "2001:db8::1", port: 25_571 },
  ],
};
const chain = (part: string, changes: Partial<typeof own> = {}, family: "ipv4" | "ipv6" = "ipv4") =>
  firewallChains({ ...plan, bridges: [{ ...own, ...changes }] }, family).find(({ name }) => name.endsWith(part))!.rules;

describe("the rules", () => {
  it("let a private network be entered by answers and published ports alone", () => {
    const rules = chain("FWD");
    expect(rules.indexOf("-i cat-a -o cat-a -j ACCEPT")).toBe(0);
    const published = rules.indexOf("-o cat-+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT");
    const refusal = rules.indexOf("-o cat-a -j REJECT");
    expect(published).toBeGreaterThan(0);
    expect(refusal).toBeGreaterThan(published);
    expect(rules.indexOf("-i cat-a -j CATALYST-k-OUT")).toBeLessThan(refusal);
  });

  it("keep servers of an isolated pool apart, also within its bridge", () => {
    const rules = chain("FWD", { isPool: true, isIsolated: true });
    expect(rules.slice(0, 2)).toEqual([
      "-i cat-a -o cat-a -m conntrack --ctstate DNAT -j ACCEPT",
      "-i cat-a -o cat-a -j DROP",
    ]);
    expect(rules).not.toContain("-i cat-a -o cat-a -j ACCEPT");
    // Other machines may have a route to a pool.
    expect(rules).not.toContain("-o cat-a -j REJECT");
  });

  it("let everybody reach a pool of public addresses, before other networks are refused, and leave its addresses be", () => {
    const rules = chain("FWD", { isPool: true, isRouted: true });
    expect(rules.indexOf("-o cat-a -j ACCEPT")).toBeLessThan(rules.indexOf("-i cat-a -j CATALYST-k-OUT"));
    expect(chain("NAT", { isPool: true, isRouted: true }).join()).not.toContain("! -o");
  });

  it("give private addresses the node's on their way out, each family its own", () => {
    expect(chain("NAT")).toContain("-s 10.208.1.0/24 ! -o cat-a -j MASQUERADE");
    expect(chain("NAT", {}, "ipv6")).toContain("-s fd00:1::/64 ! -o cat-a -j MASQUERADE");
    expect(chain("NAT", {}, "ipv6").join()).not.toContain("10.208");
  });

  it("lead published ports to their servers, each family its own, and nothing that passes through the node", () => {
    expect(chain("PORT")).toEqual([
      "-m addrtype ! --dst-type LOCAL -j RETURN",
      "-d 192.0.2.1 -p tcp -m tcp --dport 25565 -j DNAT --to-destination 10.208.1.2",
      "-d 192.0.2.1 -p udp -m udp --dport 25565 -j DNAT --to-destination 10.208.1.2",
      "-p tcp -m tcp --dport 25566 -j DNAT --to-destination 10.208.1.3",
      "-p udp -m udp --dport 25566 -j DNAT --to-destination 10.208.1.3",
    ]);
    expect(chain("PORT", {}, "ipv6").slice(1)).toEqual([
      "-p tcp -m tcp --dport 25567 -j DNAT --to-destination fd00:1::3",
      "-p udp -m udp --dport 25567 -j DNAT --to-destination fd00:1::3",
    ]);
  });

  it("let the node itself, and a server's neighbours, come by a published port, but nobody at the node's loopback", () => {
    expect(chain("NAT")).toContain("-s 127.0.0.0/8 -o cat-a -j MASQUERADE");
    for (const changes of [{}, { isPool: true, isRouted: true }]) {
      expect(chain("NAT", changes)).toContain("-s 10.208.1.0/24 -o cat-a -m conntrack --ctstate DNAT -j MASQUERADE");
    }
    const host = chain("HOST");
    const loopback = host.indexOf("-i cat-a -d 127.0.0.0/8 -j DROP");
    // Answers to the node come to its loopback address.
    expect(loopback).toBe(host.indexOf("-i cat-a -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN") + 1);
    expect(chain("HOST", {}, "ipv6").join()).not.toContain("127.0.0.0");
  });

  it("refuse by UDP what comes to a server's port and was led to no server", () => {
    const toOthers = "-m addrtype ! --dst-type LOCAL -j RETURN";
    expect(chain("GAME")).toEqual([toOthers, "-p udp -m udp --dport 25570 -j REJECT"]);
    expect(chain("GAME", {}, "ipv6")).toEqual([toOthers, "-d 2001:db8::1 -p udp -m udp --dport 25571 -j REJECT"]);
  });

  it("keep cloud metadata and other networks from servers, but not a resolver at the same address", () => {
    const rules = chain("OUT");
    const refusal = rules.indexOf("-d 169.254.0.0/16 -j REJECT");
    expect(rules.indexOf("-d 169.254.0.0/16 -p udp -m udp --dport 53 -j RETURN")).toBeLessThan(refusal);
    expect(rules.at(-1)).toBe("-o cat-+ -j REJECT");
    expect(chain("OUT", {}, "ipv6")).toContain("-d fd00:ec2::/32 -j REJECT");
    expect(chain("OUT", {}, "ipv6").join()).not.toContain("169.254");
  });

  it("open the node to servers for DNS, ping and named ports, each once", () => {
    const rules = chain("HOST");
    const ports = rules.flatMap((rule) => /tcp --dport (\d+) -j RETURN/.exec(rule)?.[1] ?? []);
    expect(ports).toEqual(["53", "80", "3306"]);
    expect(rules.at(-1)).toBe("-i cat-a -j REJECT");
    expect(chain("HOST", {}, "ipv6")).toContain("-i cat-a -p ipv6-icmp -j RETURN");
  });
});

describe("writing them", () => {
  const chains = firewallChains(plan, "ipv4");
  const saved = (forward: string[], more = "") =>
    parseRules(
      `# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [1:2]\n:CATALYST-k-FWD - [0:0]\n${forward.map((rule) => `-A FORWARD ${rule}\n`).join("")}${more}COMMIT\n*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n`,
    );
  const forward = chains[0]!;

  it("knows its chains among all that the machine has", () => {
    const present = saved(["-j CATALYST-k-FWD", "-j DOCKER-USER"], "-A CATALYST-k-FWD -i cat-a -o cat-a -j ACCEPT\n");
    expect(presentRulesOf(present, forward)).toEqual(["-i cat-a -o cat-a -j ACCEPT"]);
    expect(presentRulesOf(present, chains[1]!)).toBeNull();
  });

  it("wants its call before everything but other agents' calls", () => {
    expect(isCalledFirst(saved(["-j CATALYST-k-FWD", "-j DOCKER-USER"]), forward)).toBe(true);
    expect(isCalledFirst(saved(["-j CATALYST-other-FWD", "-j CATALYST-k-FWD"]), forward)).toBe(true);
    expect(isCalledFirst(saved(["-j DOCKER-USER", "-j CATALYST-k-FWD"]), forward)).toBe(false);
    expect(isCalledFirst(saved([]), forward)).toBe(false);
  });

  it("moves a call to the front without doubling it, and touches no chain but its own", () => {
    const input = restoreInput(chains, saved(["-j DOCKER-USER", "-j CATALYST-k-FWD", "-j CATALYST-k-FWD"]));
    const lines = input.split("\n");
    for (const caller of ["PREROUTING", "OUTPUT"]) expect(lines).toContain(`-I ${caller} 1 -j CATALYST-k-PORT`);
    expect(lines.filter((line) => line === "-D FORWARD -j CATALYST-k-FWD")).toHaveLength(2);
    expect(lines).toContain("-I FORWARD 1 -j CATALYST-k-FWD");
    const declared = lines.filter((line) => line.startsWith(":"));
    expect(declared.every((line) => line.startsWith(":CATALYST-k-"))).toBe(true);
    expect(lines.filter((line) => line === "*filter" || line === "*nat" || line === "COMMIT")).toHaveLength(4);
    expect(restoreInput(chains, saved(["-j CATALYST-k-FWD"]))).not.toContain("-I FORWARD");
  });

  it("takes away what there is, and nothing when there is nothing", () => {
    const input = removalInput(chains, saved(["-j CATALYST-k-FWD", "-j DOCKER-USER"]));
    expect(input).toBe("*filter\n:CATALYST-k-FWD - [0:0]\n-D FORWARD -j CATALYST-k-FWD\n-X CATALYST-k-FWD\nCOMMIT\n");
    expect(removalInput(chains, parseRules("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"))).toBeNull();
  });
});
