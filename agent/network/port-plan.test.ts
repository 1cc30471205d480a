import { describe, expect, it } from "vitest";
import { serverSpec } from "../testing/server-spec.ts";
import { gamePorts, portsOfPublications } from "./port-plan.ts";
import type { Publication } from "./published-ports.ts";

const publication = (changes: Partial<Publication> = {}): Publication => ({
  serverId: "a",
  runId: "run-1",
  network: "catalyst-k-own-1",
  ipv4: "10.208.1.2",
  ipv6: "fd00::2",
  ports: [
    { ip: "0.0.0.0", port: 25_565 },
    { ip: "::", port: 25_565 },
  ],
  isOpen: true,
  ...changes,
});
const server = (port: number, changes: Parameters<typeof serverSpec>[0] = {}) =>
  serverSpec({ networkMode: "bridge", allocations: [{ ip: "0.0.0.0", port, isPrimary: true }], ...changes });

describe("ports that lead to a server", () => {
  it("lead to its address in their own family, while it runs", () => {
    expect(portsOfPublications([publication(), publication({ serverId: "b", isOpen: false })])).toEqual([
      { ip: "0.0.0.0", port: 25_565, leadsTo: "10.208.1.2" },
      { ip: "::", port: 25_565, leadsTo: "fd00::2" },
    ]);
    expect(portsOfPublications([publication({ ipv6: null })])).toHaveLength(1);
  });
});

describe("ports of servers", () => {
  it("are those of the spec and of what still runs, each once", () => {
    const specs = [server(25_565), server(25_566)];
    const of = (isOpen: boolean) => gamePorts(specs, [publication({ isOpen })]).map(({ ip, port }) => `${ip} ${port}`);
    expect(of(true).sort()).toEqual(["0.0.0.0 25565", "0.0.0.0 25566", ":: 25565"]);
    expect(of(false).sort()).toEqual(["0.0.0.0 25565", "0.0.0.0 25566"]);
  });

  it("are none of a server that has the node's own network, or an address outside of the node", () => {
    const lan = {
      ...{ poolId: "p", name: "lan", kind: "macvlan" as const, parent: "eth1", cidr: "10.0.0.0/24" },
      ...{ gateway: "10.0.0.1", isIsolated: false, ip: "10.0.0.9" },
    };
    const specs = [server(1, { networkMode: "host" }), server(2, { networkMode: "pool", pool: lan })];
    expect(gamePorts(specs, [])).toEqual([]);
    expect(gamePorts([server(2, { networkMode: "pool", pool: { ...lan, kind: "bridge" } })], [])).toHaveLength(1);
  });
});
