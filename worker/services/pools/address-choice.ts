import { type SQL, sql } from "drizzle-orm";
import { invalid, Refusal } from "../../errors.ts";

/**
 * The address that a server gets of a pool, as a query of one row (pool_id, ip) or none: the one asked for if it is
 * free, else the lowest free one. To be run behind the node's lock, which two who ask at once take one after the other.
 *
 * The lowest free address is the range's first one or follows one that is taken, so only those are looked at: it costs
 * the same in a /24 and in a /64.
 */
export function chosenPoolAddress(poolId: string, nodeId: string, wanted: string | null, exceptServerId: string): SQL {
  return sql`
    select p.id as pool_id, c.ip from ip_pools p
    cross join lateral (
      select ${wanted}::inet as ip where ${wanted}::inet is not null
      union
      select set_masklen(after.ip + 1, case family(p.cidr) when 4 then 32 else 128 end) from (
        select set_masklen(network(p.cidr)::inet, case family(p.cidr) when 4 then 32 else 128 end) as ip
        union select p.gateway
        union select unnest(p.excluded_to)
        union select a.ip from pool_addresses a where a.pool_id = p.id and a.server_id <> ${exceptServerId}
      ) after where ${wanted}::inet is null
    ) c
    where p.id = ${poolId} and p.node_id = ${nodeId}
      and ip_is_usable(c.ip, p.cidr, p.gateway, p.excluded_from, p.excluded_to)
      and not exists (select from pool_addresses a where a.pool_id = p.id and a.ip = c.ip and a.server_id <> ${exceptServerId})
    order by c.ip limit 1`;
}

/** Why there was none; `pool` is null when the node has no such pool. */
export function noPoolAddress(poolName: string | null, wanted: string | null): Refusal {
  if (poolName === null) return invalid("poolId", "there is no such pool on this node");
  if (wanted === null) return new Refusal("QUOTA_EXCEEDED", `The pool ${poolName} has no free address left.`);
  const details = [{ path: "poolIp", message: "is taken, or not one that this pool gives" }];
  return new Refusal("CONFLICT", `${wanted} is taken, or not one that the pool ${poolName} gives.`, { details });
}
