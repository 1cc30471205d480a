import { eq, sql } from "drizzle-orm";
import { nodes, servers } from "../../../drizzle/schema/index.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { requireOnServer } from "./access.ts";
import { getServer } from "./get.ts";
import { tellGeneration } from "./tell-generation.ts";

/**
 * Lets the node forget the crashes so far: count, limit and waiting time begin anew. It starts nothing. As part of the
 * spec it reaches a node that is offline now when it is back; the count in the answer is the node's last word.
 */
export async function resetCrashCount(ctx: ServerContext): Promise<ServerDetail> {
  requireOnServer(ctx, "server.restart");
  const { id, nodeId } = ctx.server;
  const [, , [node]] = await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({
        // Each request is later than the one before, whatever the clocks of two edges say.
        crashResetAt: sql`greatest(${ctx.clock.now()}::bigint, ${servers.crashResetAt} + 1)`,
        version: sql`${servers.version} + 1`,
      })
      .where(eq(servers.id, id)),
    auditEntry(ctx, { action: "server.reset_crash_count", targetType: "server", targetId: id, serverId: id }),
    ctx.db
      .update(nodes)
      .set({ specGeneration: sql`${nodes.specGeneration} + 1` })
      .where(eq(nodes.id, nodeId))
      .returning({ generation: nodes.specGeneration }),
  ]);
  if (node) await tellGeneration(ctx, nodeId, node.generation);
  return await getServer(ctx);
}
