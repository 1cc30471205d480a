import { and, eq, isNull } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { nodeCredentials } from "../../../drizzle/schema/index.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import { newSecret, secretHash } from "../../auth/secret.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { NODE_SECRET_PREFIX } from "./create.ts";
import { findNode } from "./read.ts";

/**
 * Gives a node a new secret. The old one ends after `graceSeconds`; with none it ends now, and so does the agent's
 * socket: that is what a stolen secret calls for.
 */
export async function rotateNodeSecret(ctx: CallerContext, nodeId: string, graceSeconds: number) {
  requireGlobal(ctx.caller, "node.update");
  await findNode(ctx, nodeId);
  const secret = newSecret(NODE_SECRET_PREFIX);
  const revokedAt = new Date(ctx.clock.now() + graceSeconds * 1000);
  await ctx.db.batch([
    ctx.db
      .update(nodeCredentials)
      .set({ revokedAt })
      .where(and(eq(nodeCredentials.nodeId, nodeId), isNull(nodeCredentials.revokedAt))),
    ctx.db.insert(nodeCredentials).values({ id: uuidv7(), nodeId, secretHash: secretHash(secret) }),
    auditEntry(ctx, { action: "node.rotate_secret", targetType: "node", targetId: nodeId, details: { graceSeconds } }),
  ]);
  if (graceSeconds === 0) ctx.background(ctx.hubs.of(nodeId).disconnectAgent("the node's secret was rotated"));
  return { nodeId, secret };
}
