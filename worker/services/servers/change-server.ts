import { and, eq, type SQL, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import { servers } from "../../../drizzle/schema/index.ts";
import type { ServerContext } from "../../context.ts";
import { type AuditedAction, auditEntry } from "../audit/entry.ts";
import { bumpGeneration } from "./bump-generation.ts";
import { tellGeneration } from "./tell-generation.ts";

/**
 * Changes columns of the server's row that its agent must know of: version, generation and audit go with it in one
 * batch, and the hub is told.
 *
 * @param condition of the row, which is left alone unless it holds; that it was asked for is audited all the same
 * @returns whether the row was changed
 */
export async function changeServer(
  ctx: ServerContext,
  changes: PgUpdateSetSource<typeof servers>,
  action: Pick<AuditedAction, "action" | "details">,
  condition?: SQL,
): Promise<boolean> {
  const { id, nodeId } = ctx.server;
  const [[changed], [node]] = await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({ ...changes, version: sql`${servers.version} + 1` })
      .where(and(eq(servers.id, id), condition))
      .returning({ id: servers.id }),
    bumpGeneration(ctx.db, nodeId),
    auditEntry(ctx, { ...action, targetType: "server", targetId: id, serverId: id }),
  ]);
  if (changed && node) await tellGeneration(ctx, nodeId, node.generation);
  return changed !== undefined;
}
