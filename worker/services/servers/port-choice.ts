import { type SQL, sql } from "drizzle-orm";

/** Where ports are made from when the node has no free allocation: the field's customary first one. */
const FIRST_PORT = 25565;
const LAST_PORT = 65535;
/** Ports of system services; only somebody who manages the node's allocations may open one. */
export const LOW_PORT_MAX = 1023;

/** Two addresses meet when they are the same or one of them is a wildcard. */
const meets = (a: string, b: string) =>
  sql.raw(`(${a}.ip = ${b}.ip or ${a}.ip in ('0.0.0.0', '::') or ${b}.ip in ('0.0.0.0', '::'))`);

/**
 * The address for a new server, as a query of one row (id, ip, port) or none: a free allocation of the node, else a
 * new one (`id` null) on the address that the node binds to.
 */
export function chosenAddress(nodeId: string, port: number | null, mayOpenLowPort: boolean): SQL {
  const from = port ?? FIRST_PORT;
  const to = port ?? LAST_PORT;
  return sql`
    select id, ip, port from (
      (select 1 as rank, a.id, a.ip, a.port from allocations a
        where a.node_id = ${nodeId} and a.server_id is null and (${port}::int is null or a.port = ${port}::int)
          and not exists (select from allocations t where t.node_id = a.node_id and t.server_id is not null
            and t.port = a.port and ${meets("t", "a")})
        order by a.port, a.ip limit 1)
      union all
      (select 2, null, b.ip, p.port from (select bind_address as ip from nodes where id = ${nodeId}) b
        cross join generate_series(${from}::int, ${to}::int) p(port)
        where (p.port > ${LOW_PORT_MAX}::int or ${mayOpenLowPort}::boolean)
          and not exists (select from allocations t where t.node_id = ${nodeId} and t.port = p.port and ${meets("t", "b")})
        order by p.port limit 1)
    ) candidates order by rank limit 1`;
}
