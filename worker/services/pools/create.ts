import { eq } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { ipPools, nodes } from "../../../drizzle/schema/index.ts";
import type { createPoolBodySchema, Pool } from "../../../protocol/api/pools.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { invalid, noSuch } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { canonicalCidr, canonicalExclusions, canonicalIp, firstAddress } from "./addresses.ts";
import { getPool } from "./read.ts";

/**
 * Makes a pool. Nothing reaches the node until a server uses it.
 *
 * @throws Refusal VALIDATION; CONFLICT when it overlaps another pool of the node
 */
export async function createPool(ctx: CallerContext, body: z.output<typeof createPoolBodySchema>): Promise<Pool> {
  requireGlobal(ctx.caller, "pool.create");
  const { name, nodeId, kind, isIsolated } = body;
  if (kind === "macvlan" && !body.parent) throw invalid("parent", "a macvlan pool needs an interface of the node");
  if (kind === "bridge" && body.parent) throw invalid("parent", "a bridge pool has no interface of the node");
  const [node] = await ctx.db.select({ id: nodes.id }).from(nodes).where(eq(nodes.id, nodeId));
  if (!node) throw noSuch("nodeId", "node");
  const cidr = canonicalCidr(body.cidr);
  const exclusions = canonicalExclusions(body.exclusions, cidr);
  const id = uuidv7();
  await ctx.db.batch([
    ctx.db.insert(ipPools).values({
      ...{ id, nodeId, name, kind, isIsolated, cidr },
      parent: body.parent ?? null,
      gateway: body.gateway === undefined ? firstAddress(cidr) : canonicalIp(body.gateway),
      excludedFrom: exclusions.map(({ first }) => first),
      excludedTo: exclusions.map(({ last }) => last),
    }),
    auditEntry(ctx, { action: "pool.create", targetType: "pool", targetId: id, details: { name, nodeId, kind, cidr } }),
  ]);
  return await getPool(ctx, id);
}
