import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import { ipPools } from "../../../drizzle/schema/index.ts";
import type { Pool, updatePoolBodySchema } from "../../../protocol/api/pools.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { invalid } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { bumpPart } from "../servers/bump-generation.ts";
import { tellGeneration } from "../servers/tell-generation.ts";
import { canonicalExclusions, canonicalIp } from "./addresses.ts";
import { getPool } from "./read.ts";

/**
 * Changes a pool. Whether its servers are kept apart changes at once; parent and gateway are those that a running server
 * was started with until its next start.
 *
 * @throws Refusal VALIDATION; CONFLICT when an address in use would not be one of the pool's any more
 */
export async function updatePool(
  ctx: CallerContext,
  id: string,
  body: z.output<typeof updatePoolBodySchema>,
): Promise<Pool> {
  requireGlobal(ctx.caller, "pool.update");
  const pool = await getPool(ctx, id);
  if (body.parent !== undefined && pool.kind !== "macvlan") throw invalid("parent", "a bridge pool has no interface");
  const exclusions = body.exclusions && canonicalExclusions(body.exclusions, pool.cidr);
  // What is undefined stays as it is.
  const changes = {
    name: body.name,
    parent: body.parent,
    gateway: body.gateway === undefined ? undefined : canonicalIp(body.gateway),
    isIsolated: body.isIsolated,
    excludedFrom: exclusions?.map(({ first }) => first),
    excludedTo: exclusions?.map(({ last }) => last),
    updatedAt: new Date(ctx.clock.now()),
  };
  const concernsRuns = body.parent !== undefined || body.gateway !== undefined;
  const concernsNode = concernsRuns || body.isIsolated !== undefined;
  const [, , , node] = await ctx.db.batch([
    ctx.db.update(ipPools).set(changes).where(eq(ipPools.id, id)),
    auditEntry(ctx, {
      action: "pool.update",
      targetType: "pool",
      targetId: id,
      details: { name: pool.name, fields: Object.keys(body) },
    }),
    ctx.db.execute(sql`
      update servers set version = version + 1,
        network_version = case when ${concernsRuns} then version + 1 else network_version end
      where ${concernsNode} and id in (select server_id from pool_addresses where pool_id = ${id})`),
    ctx.db.execute<{ spec_generation: string }>(bumpPart(pool.nodeId, sql`${concernsNode}`)),
  ]);
  const [changed] = node.rows;
  if (changed) await tellGeneration(ctx, pool.nodeId, Number(changed.spec_generation));
  return await getPool(ctx, id);
}
