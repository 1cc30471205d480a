import { eq } from "drizzle-orm";
import { nodes } from "../../../drizzle/schema/index.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { findNode } from "./read.ts";

/** Deletes a node with its credentials and allocations. @throws Refusal CONFLICT while it has servers */
export async function deleteNode(ctx: CallerContext, id: string): Promise<void> {
  requireGlobal(ctx.caller, "node.delete");
  const { name } = await findNode(ctx, id);
  await ctx.db.batch([
    ctx.db.delete(nodes).where(eq(nodes.id, id)),
    auditEntry(ctx, { action: "node.delete", targetType: "node", targetId: id, details: { name } }),
  ]);
  ctx.background(ctx.hubs.of(id).disconnectAgent("the node was deleted"));
}
