import { sql } from "drizzle-orm";
import { CLOSE } from "../../../protocol/close-codes.ts";
import type { RevocationFilter } from "../../../protocol/hub-rpc.ts";
import { SEES_EVERY_SERVER } from "../../auth/permissions.ts";
import type { RequestContext } from "../../context.ts";

/** Nodes on whose hubs a user can have sockets: those of servers they own or were granted, or all for staff. */
async function nodesInReach(ctx: RequestContext, userId: string): Promise<string[]> {
  const { rows } = await ctx.db.execute<{ id: string }>(sql`
    select s.node_id as id from servers s where s.owner_id = ${userId}
    union select s.node_id from grants g join servers s on s.id = g.server_id where g.user_id = ${userId}
    union select n.id from nodes n where exists (
      select from user_roles ur join roles r on r.id = ur.role_id
      where ur.user_id = ${userId} and r.permissions && ${sql.param(SEES_EVERY_SERVER)}::text[])`);
  return rows.map((row) => row.id);
}

/**
 * Ends a user's live sockets after their right to them ended, on every hub in reach.
 *
 * The database has been changed already, so a hub that cannot be reached now lets nobody in anew.
 */
export function endSockets(ctx: RequestContext, filter: RevocationFilter & { userId: string }, reason: string): void {
  const end = async () => {
    const nodeIds = await nodesInReach(ctx, filter.userId);
    const ended = nodeIds.map((nodeId) => ctx.hubs.of(nodeId).revoke(filter, CLOSE.NOT_AUTHENTICATED, reason));
    const failed = (await Promise.allSettled(ended)).find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
  };
  ctx.background(end());
}
