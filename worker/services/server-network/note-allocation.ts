import { and, eq } from "drizzle-orm";
import { allocations } from "../../../drizzle/schema/index.ts";
import type { ServerAllocation } from "../../../protocol/api/server-network.ts";
import type { ServerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { requireOnServer } from "../servers/access.ts";
import { findServerAllocation } from "./allocations.ts";

/** Writes down what a port is for. Nothing of it reaches the node. */
export async function noteAllocation(
  ctx: ServerContext,
  portOrId: string,
  ip: string | undefined,
  notes: string | null,
): Promise<ServerAllocation> {
  requireOnServer(ctx, "allocation.update");
  const { id } = ctx.server;
  const { isInUse: _, ...found } = await findServerAllocation(ctx, portOrId, ip && canonicalIp(ip));
  await ctx.db.batch([
    ctx.db
      .update(allocations)
      .set({ notes: notes || null })
      .where(and(eq(allocations.id, found.id), eq(allocations.serverId, id))),
    auditEntry(ctx, {
      action: "server.note_allocation",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { ip: found.ip, port: found.port },
    }),
  ]);
  return { ...found, notes: notes || null };
}
