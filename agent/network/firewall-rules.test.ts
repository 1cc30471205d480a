import { describe, expect, it } from "vitest";
import {
  firewallChains,
  isCalledFirst,
  parseRules,
  presentRulesOf,
  removalInput,
  restoreInput,
} from "./firewall-rules.ts";

const own = {
  bridge: "cat-a",
  isIsolated: false,
  isPool: false,
  isRouted: false,
  subnets: ["10.208.1.0/24", "fd00:1::/64"],
};
const plan = { key: "k", bridges: [own], hostPorts: [3306, 3306, 80] };
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
    expect(chain("NAT", { isPool: true, isRouted: true })).toEqual([]);
  });

  it("give private addresses the node's on their way out, each family its own", () => {
    expect(chain("NAT")).toEqual(["-s 10.208.1.0/24 ! -o cat-a -j MASQUERADE"]);
    expect(chain("NAT", {}, "ipv6")).toEqual(["-s fd00:1::/64 ! -o cat-a -j MASQUERADE"]);
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
