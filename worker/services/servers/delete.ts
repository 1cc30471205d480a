import { eq } from "drizzle-orm";
import { allocations, servers } from "../../../drizzle/schema/index.ts";
import { CLOSE } from "../../../protocol/close-codes.ts";
import { allows, hasGlobal, narrow, refuse } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { bumpGeneration } from "./bump-generation.ts";
import { tellGeneration } from "./tell-generation.ts";

/** Owners delete their own servers; for anybody else it takes the global permission. A key needs it as a scope. */
export function requireDeletion(ctx: ServerContext): void {
  const isOwner = ctx.server.ownerId === ctx.caller.userId;
  const byOwner = isOwner && allows(narrow(["server.delete"], ctx.caller.credential.scopes), "server.delete");
  if (!byOwner && !hasGlobal(ctx.caller, "server.delete")) throw refuse("server.delete");
}

/**
 * Deletes a server and frees its addresses; its agent then removes the files.
 *
 * Without `force` the agent must be connected, so that nothing is left behind unseen on a machine that is merely away.
 */
export async function deleteServer(ctx: ServerContext, force: boolean): Promise<void> {
  requireDeletion(ctx);
  const { id, nodeId, name } = ctx.server;
  const hub = ctx.hubs.of(nodeId);
  if (!force && !(await hub.status()).agentConnected) {
    throw new Refusal("NODE_OFFLINE", "The server's node is offline. Delete with force=true if it is gone for good.");
  }
  const [, , [node]] = await ctx.db.batch([
    ctx.db
      .update(allocations)
      .set({ serverId: null, isPrimary: false, serverVersion: null, notes: null })
      .where(eq(allocations.serverId, id)),
    ctx.db.delete(servers).where(eq(servers.id, id)),
    bumpGeneration(ctx.db, nodeId),
    auditEntry(ctx, {
      action: "server.delete",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { name, force },
    }),
  ]);
  if (node) await tellGeneration(ctx, nodeId, node.generation);
  ctx.background(hub.revoke({ serverId: id }, CLOSE.NO_SUCH_SERVER, "the server was deleted"));
}
