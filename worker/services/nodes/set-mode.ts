import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import { nodes } from "../../../drizzle/schema/index.ts";
import type { Node, nodeModeBodySchema } from "../../../protocol/api/nodes.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { tellGeneration } from "../servers/tell-generation.ts";
import { findNode, getNode } from "./read.ts";

/**
 * Sets what a node is for: `draining` takes no new servers, `maintenance` also stops and holds the ones it has, and
 * `active` lets them return to what they were. Its agent need not be connected: it obeys when it is back.
 *
 * @throws Refusal PERMISSION_DENIED, NOT_FOUND
 */
export async function setNodeMode(
  ctx: CallerContext,
  nodeId: string,
  { mode, reason }: z.output<typeof nodeModeBodySchema>,
): Promise<Node> {
  requireGlobal(ctx.caller, "node.update");
  const before = await findNode(ctx, nodeId);
  const details = { from: before.mode, to: mode, reason: reason ?? null };
  const [[node]] = await ctx.db.batch([
    ctx.db
      .update(nodes)
      .set({
        mode,
        modeSetAt: new Date(ctx.clock.now()),
        modeSetBy: ctx.caller.userId,
        modeSetByName: ctx.caller.username,
        modeReason: mode === "active" ? null : (reason ?? null),
        specGeneration: sql`${nodes.specGeneration} + 1`,
      })
      .where(eq(nodes.id, nodeId))
      .returning({ generation: nodes.specGeneration }),
    auditEntry(ctx, { action: "node.set_mode", targetType: "node", targetId: nodeId, details }),
  ]);
  if (node) await tellGeneration(ctx, nodeId, node.generation);
  return await getNode(ctx, nodeId);
}
