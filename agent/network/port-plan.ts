/** Which ports of the node are servers', and where they lead. Pure. */
import { isIPv6 } from "node:net";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { PublishedPort } from "./firewall-rules.ts";
import type { NodePort } from "./hold-ports.ts";
import type { Publication } from "./published-ports.ts";

/** Those that lead to a server at the moment, with its address in their own family. */
export function portsOfPublications(publications: readonly Publication[]): PublishedPort[] {
  return publications
    .filter(({ isOpen }) => isOpen)
    .flatMap(({ ports, ipv4, ipv6 }) =>
      ports.flatMap(({ ip, port }) => {
        const leadsTo = isIPv6(ip) ? ipv6 : ipv4;
        return leadsTo === null ? [] : [{ ip, port, leadsTo }];
      }),
    );
}

/** Those that servers in networks of their own have, whether they run or not, each once. */
export function gamePorts(specs: readonly ServerSpec[], publications: readonly Publication[]): NodePort[] {
  const published = publications.filter(({ isOpen }) => isOpen).flatMap(({ ports }) => ports);
  const wished = specs
    .filter(({ networkMode, pool }) => networkMode !== "host" && pool?.kind !== "macvlan")
    .flatMap(({ allocations }) => allocations);
  const ports = new Map([...published, ...wished].map(({ ip, port }) => [`${ip} ${port}`, { ip, port }]));
  return [...ports.values()];
}
