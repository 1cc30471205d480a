import { eq } from "drizzle-orm";
import { ipPools } from "../../../drizzle/schema/index.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { getPool } from "./read.ts";

/** @throws Refusal CONFLICT while servers have addresses of it; the database sees to that */
export async function deletePool(ctx: CallerContext, id: string): Promise<void> {
  requireGlobal(ctx.caller, "pool.delete");
  const { name, nodeId } = await getPool(ctx, id);
  await ctx.db.batch([
    ctx.db.delete(ipPools).where(eq(ipPools.id, id)),
    auditEntry(ctx, { action: "pool.delete", targetType: "pool", targetId: id, details: { name, nodeId } }),
  ]);
}
