import { eq } from "drizzle-orm";
import type { z } from "zod";
import { nodes } from "../../../drizzle/schema/index.ts";
import type { NodeDetail, updateNodeBodySchema } from "../../../protocol/api/nodes.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { findNode, getNode } from "./read.ts";

/** Changes what is said of a node. Promises already made to servers stay, even when the new limits are below them. */
export async function updateNode(
  ctx: CallerContext,
  id: string,
  body: z.output<typeof updateNodeBodySchema>,
): Promise<NodeDetail> {
  requireGlobal(ctx.caller, "node.update");
  await findNode(ctx, id);
  const given = Object.entries(body).filter(([, value]) => value !== undefined);
  if (given.length > 0) {
    const changes = Object.fromEntries(given);
    await ctx.db.batch([
      ctx.db.update(nodes).set(changes).where(eq(nodes.id, id)),
      auditEntry(ctx, { action: "node.update", targetType: "node", targetId: id, details: changes }),
    ]);
  }
  return await getNode(ctx, id);
}
