import { eq, sql } from "drizzle-orm";
import { servers } from "../../../drizzle/schema/index.ts";
import type { Suspension } from "../../../protocol/api/servers.ts";
import { CLOSE } from "../../../protocol/close-codes.ts";
import { idSchema } from "../../../protocol/ids.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { notFound } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { bumpGeneration } from "./bump-generation.ts";
import { tellGeneration } from "./tell-generation.ts";

export interface SuspensionReply {
  serverId: string;
  suspension: Suspension | null;
}

/**
 * Suspends a server: its node stops it and starts it no more, and everybody but staff loses their sockets.
 *
 * As part of the spec it reaches a node that is offline now when that is back. One that is suspended already gets the
 * new reason.
 *
 * @throws Refusal PERMISSION_DENIED, NOT_FOUND
 */
export async function suspendServer(
  ctx: CallerContext,
  serverId: string,
  reason: string | null,
): Promise<SuspensionReply> {
  requireGlobal(ctx.caller, "server.suspend");
  if (!idSchema.safeParse(serverId).success) throw notFound("server");
  const { userId, username } = ctx.caller;
  const at = new Date(ctx.clock.now());
  const exists = sql`exists (select from servers where id = ${serverId})`;
  const action = { action: "server.suspend", targetType: "server", targetId: serverId, serverId, details: { reason } };
  const [[suspended], [node]] = await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({
        isSuspended: true,
        suspendedAt: at,
        suspendedBy: userId,
        suspendedByName: username,
        suspendReason: reason,
        version: sql`${servers.version} + 1`,
      })
      .where(eq(servers.id, serverId))
      .returning({ nodeId: servers.nodeId }),
    bumpGeneration(ctx.db, sql`(select node_id from servers where id = ${serverId})`),
    ctx.db.execute(auditPart(ctx, action, exists)),
  ]);
  if (!suspended) throw notFound("server");
  const { nodeId } = suspended;
  const words = reason === null ? "the server was suspended" : `the server was suspended: ${reason}`;
  ctx.background(ctx.hubs.of(nodeId).revoke({ serverId, seesSuspended: false }, CLOSE.SUSPENDED, words.slice(0, 200)));
  if (node) await tellGeneration(ctx, nodeId, node.generation);
  return { serverId, suspension: { at: at.toISOString(), reason, by: { id: userId, name: username } } };
}
