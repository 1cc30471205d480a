import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import { nodes, servers } from "../../../drizzle/schema/index.ts";
import type { restartPolicyBodySchema, ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { requireOnServer } from "./access.ts";
import { getServer } from "./get.ts";
import { tellGeneration } from "./tell-generation.ts";

/** Changes what the node does when the game ends by itself. It holds from the next end on; a wait may end by it at once. */
export async function setRestartPolicy(
  ctx: ServerContext,
  body: z.output<typeof restartPolicyBodySchema>,
): Promise<ServerDetail> {
  requireOnServer(ctx, "startup.update");
  const { id, nodeId } = ctx.server;
  const changes = {
    restartPolicy: body.policy,
    ...(body.maxCrashes === undefined ? {} : { maxCrashes: body.maxCrashes }),
    ...(body.windowSeconds === undefined ? {} : { crashWindowSeconds: body.windowSeconds }),
  };
  const [, , [node]] = await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({ ...changes, version: sql`${servers.version} + 1` })
      .where(eq(servers.id, id)),
    auditEntry(ctx, {
      action: "server.restart_policy",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: changes,
    }),
    ctx.db
      .update(nodes)
      .set({ specGeneration: sql`${nodes.specGeneration} + 1` })
      .where(eq(nodes.id, nodeId))
      .returning({ generation: nodes.specGeneration }),
  ]);
  if (node) await tellGeneration(ctx, nodeId, node.generation);
  return await getServer(ctx);
}
