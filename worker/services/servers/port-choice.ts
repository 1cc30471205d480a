import { type SQL, sql } from "drizzle-orm";
import { invalid, Refusal } from "../../errors.ts";

/** Where ports are made from when the node has no free allocation: the field's customary first one. */
const FIRST_PORT = 25565;
const LAST_PORT = 65535;
/** Ports of system services; only somebody who manages the node's allocations may open one. */
const LOW_PORT_MAX = 1023;

/** Two addresses meet when they are the same or one of them is a wildcard. */
const meets = (a: string, b: string) =>
  sql.raw(`(${a}.ip = ${b}.ip or ${a}.ip in ('0.0.0.0', '::') or ${b}.ip in ('0.0.0.0', '::'))`);

/** Whether the allocation (aliased `a`) is nobody's, nor meets one that a server has. */
export const isFree = (a: string): SQL => {
  const it = sql.raw(a);
  return sql`(${it}.server_id is null and not exists (select from allocations t where t.node_id = ${it}.node_id
    and t.server_id is not null and t.port = ${it}.port and ${meets("t", a)}))`;
};

/** Whether the node (aliased `n`) is known to have the address: it binds to it, or has a port on it. */
export const hasAddress = (ip: string | null): SQL => sql`(n.bind_address = ${ip}::text
  or exists (select from allocations k where k.node_id = n.id and k.ip = ${ip}::text))`;

export interface PortWish {
  /** Null for any. */
  port: number | null;
  /** Null for the free allocations' own, and for new ones the address that the node binds to. */
  ip: string | null;
  count: number;
  /** May open ports of system services, and ports on addresses that the node is not known to have. */
  managesAllocations: boolean;
}

/**
 * Addresses for a server, as a query of up to `count` rows (id, ip, port), each of another port: free allocations of the
 * node, then new ones (`id` null).
 */
export function chosenAddresses(nodeId: string, { port, ip, count, managesAllocations }: PortWish): SQL {
  const from = port ?? FIRST_PORT;
  const to = port ?? LAST_PORT;
  return sql`
    select id, ip, port from (
      select distinct on (port) rank, id, ip, port from (
        (select distinct on (a.port) 1 as rank, a.id, a.ip, a.port from allocations a
          where a.node_id = ${nodeId} and ${isFree("a")} and (${port}::int is null or a.port = ${port}::int)
            and (${ip}::text is null or a.ip = ${ip}::text)
          order by a.port, a.ip limit ${count}::int)
        union all
        (select 2, null, b.ip, p.port from (
            select coalesce(${ip}::text, n.bind_address) as ip from nodes n where n.id = ${nodeId}
              and (${managesAllocations}::boolean or ${ip}::text is null or ${hasAddress(ip)})
          ) b
          cross join generate_series(${from}::int, ${to}::int) p(port)
          where (p.port > ${LOW_PORT_MAX}::int or ${managesAllocations}::boolean)
            and not exists (select from allocations t where t.node_id = ${nodeId} and t.port = p.port and ${meets("t", "b")})
          order by p.port limit ${count * 2}::int)
      ) candidates order by port, rank
    ) distinct_ports order by rank, port limit ${count}::int`;
}

/** Why a chosen port could not be had; `path` is the field that chose it. */
export function portRefusal(path: string, port: number, managesAllocations: boolean): Refusal {
  if (port <= LOW_PORT_MAX && !managesAllocations) {
    return invalid(path, "ports below 1024 must be among the node's allocations");
  }
  const details = [{ path, message: "is in use on this node" }];
  return new Refusal("PORT_IN_USE", `Port ${port} is in use on this node.`, { details });
}
