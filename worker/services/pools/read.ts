import { and, asc, eq, gt, ilike, sql } from "drizzle-orm";
import type { z } from "zod";
import { ipPools, nodes, poolAddresses, servers } from "../../../drizzle/schema/index.ts";
import type { ListQuery } from "../../../protocol/api/envelope.ts";
import type { Pool, poolListQuerySchema } from "../../../protocol/api/pools.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { notFound } from "../../errors.ts";
import { capacity, exclusionText } from "./addresses.ts";

const columns = {
  pool: ipPools,
  nodeName: nodes.name,
  assignedCount: sql<number>`(select count(*) from pool_addresses a where a.pool_id = ip_pools.id)::int`,
};
type Row = { pool: typeof ipPools.$inferSelect; nodeName: string; assignedCount: number };

/** Postgres writes a single address without its prefix length; a driver may give it with one. */
export const bareIp = (text: string) => text.replace(/\/(32|128)$/, "");

function toPool({ pool, nodeName, assignedCount }: Row): Pool {
  const { id, nodeId, name, kind, parent, cidr, isIsolated, createdAt } = pool;
  const gateway = bareIp(pool.gateway);
  const exclusions = pool.excludedFrom.map((first, i) => ({
    first: bareIp(first),
    last: bareIp(pool.excludedTo[i] ?? first),
  }));
  const total = capacity(cidr, gateway, exclusions);
  return {
    ...{ id, nodeId, nodeName, name, kind, parent, cidr, gateway, isIsolated, assignedCount },
    exclusions: exclusions.map(exclusionText),
    freeCount: total === null ? null : total - assignedCount,
    createdAt: createdAt.toISOString(),
  };
}

export async function listPools(
  ctx: CallerContext,
  { cursor, limit, q, nodeId }: z.output<typeof poolListQuerySchema>,
) {
  requireGlobal(ctx.caller, "pool.read");
  const after = decodeCursor(cursor, 1);
  const rows = await ctx.db
    .select(columns)
    .from(ipPools)
    .innerJoin(nodes, eq(nodes.id, ipPools.nodeId))
    .where(
      and(
        after ? gt(ipPools.id, after[0]!) : undefined,
        nodeId ? eq(ipPools.nodeId, nodeId) : undefined,
        q ? ilike(ipPools.name, containing(q)) : undefined,
      ),
    )
    .orderBy(asc(ipPools.id))
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => [row.pool.id], toPool);
}

export async function getPool(ctx: CallerContext, id: string): Promise<Pool> {
  const [row] = await ctx.db
    .select(columns)
    .from(ipPools)
    .innerJoin(nodes, eq(nodes.id, ipPools.nodeId))
    .where(eq(ipPools.id, id));
  if (!row) throw notFound("pool");
  return toPool(row);
}

/** Who has which address of a pool, by address. */
export async function listPoolAddresses(ctx: CallerContext, poolId: string, { cursor, limit }: ListQuery) {
  requireGlobal(ctx.caller, "pool.read");
  await getPool(ctx, poolId);
  const after = decodeCursor(cursor, 1);
  const rows = await ctx.db
    .select({ ip: sql<string>`host(${poolAddresses.ip})`, serverId: servers.id, serverName: servers.name })
    .from(poolAddresses)
    .innerJoin(servers, eq(servers.id, poolAddresses.serverId))
    .where(
      and(
        eq(poolAddresses.poolId, poolId),
        // A cursor that is no id of a server leads to the first page rather than to an error.
        after
          ? sql`${poolAddresses.ip} > coalesce((select o.ip from pool_addresses o where o.pool_id = ${poolId}
              and o.server_id = ${after[0]!}), '0.0.0.0'::inet)`
          : undefined,
      ),
    )
    .orderBy(asc(poolAddresses.ip))
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => [row.serverId]);
}
