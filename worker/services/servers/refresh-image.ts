import { eq, sql } from "drizzle-orm";
import { nodes, servers } from "../../../drizzle/schema/index.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { requireNotSuspended, requireOnServer } from "./access.ts";
import { getServer } from "./get.ts";
import { tellGeneration } from "./tell-generation.ts";

/** Asks for the newest image of the same name, which the node fetches with the next start. Repeating it is harmless. */
export async function refreshImage(ctx: ServerContext): Promise<ServerDetail> {
  requireOnServer(ctx, "startup.image");
  requireNotSuspended(ctx);
  const { id, nodeId } = ctx.server;
  const [, , [node]] = await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({ imageRefreshAt: ctx.clock.now(), version: sql`${servers.version} + 1` })
      .where(eq(servers.id, id)),
    auditEntry(ctx, { action: "server.image.refresh", targetType: "server", targetId: id, serverId: id }),
    ctx.db
      .update(nodes)
      .set({ specGeneration: sql`${nodes.specGeneration} + 1` })
      .where(eq(nodes.id, nodeId))
      .returning({ generation: nodes.specGeneration }),
  ]);
  if (node) tellGeneration(ctx, nodeId, node.generation);
  return await getServer(ctx);
}
