import { and, eq, sql } from "drizzle-orm";
import { servers } from "../../../drizzle/schema/index.ts";
import { CLOSE } from "../../../protocol/close-codes.ts";
import { idSchema } from "../../../protocol/ids.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { notFound } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { bumpGeneration } from "./bump-generation.ts";
import type { SuspensionReply } from "./suspend.ts";
import { tellGeneration } from "./tell-generation.ts";

/**
 * Ends a suspension: the server returns to its desired power, so what was running when it was suspended runs again.
 * A server that is not suspended is left as it is.
 *
 * @throws Refusal PERMISSION_DENIED, NOT_FOUND
 */
export async function unsuspendServer(ctx: CallerContext, serverId: string): Promise<SuspensionReply> {
  requireGlobal(ctx.caller, "server.suspend");
  if (!idSchema.safeParse(serverId).success) throw notFound("server");
  const [server] = await ctx.db
    .select({ nodeId: servers.nodeId, isSuspended: servers.isSuspended })
    .from(servers)
    .where(eq(servers.id, serverId));
  if (!server) throw notFound("server");
  const reply = { serverId, suspension: null };
  if (!server.isSuspended) return reply;
  const [, [node]] = await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({
        isSuspended: false,
        suspendedAt: null,
        suspendedBy: null,
        suspendedByName: null,
        suspendReason: null,
        version: sql`${servers.version} + 1`,
      })
      .where(and(eq(servers.id, serverId), servers.isSuspended)),
    bumpGeneration(ctx.db, server.nodeId),
    auditEntry(ctx, { action: "server.unsuspend", targetType: "server", targetId: serverId, serverId }),
  ]);
  // Staff saw more than they do of a server that is not suspended: everybody comes back with what they now may.
  ctx.background(ctx.hubs.of(server.nodeId).revoke({ serverId }, CLOSE.RESTART, "the suspension has ended"));
  if (node) await tellGeneration(ctx, server.nodeId, node.generation);
  return reply;
}
