import { sql } from "drizzle-orm";
import type { z } from "zod";
import type { primaryAllocationBodySchema, ServerAllocation } from "../../../protocol/api/server-network.ts";
import type { ServerContext } from "../../context.ts";
import { notFound } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { requireNotSuspended, requireOnServer } from "../servers/access.ts";
import { bumpPart } from "../servers/bump-generation.ts";
import { lockNode } from "../servers/room.ts";
import { tellGeneration } from "../servers/tell-generation.ts";
import { findServerAllocation, shownAllocations } from "./allocations.ts";

/**
 * Makes one of the server's ports its primary one, which the game is told as `SERVER_PORT`; a server that runs is told at
 * its next start. The one that is primary already stays so, and nothing changes.
 */
export async function setPrimaryAllocation(
  ctx: ServerContext,
  body: z.output<typeof primaryAllocationBodySchema>,
): Promise<ServerAllocation> {
  requireOnServer(ctx, "allocation.update");
  requireNotSuspended(ctx);
  const { id, nodeId } = ctx.server;
  const ip = body.ip === undefined ? undefined : canonicalIp(body.ip);
  const wanted = await findServerAllocation(ctx, body.allocationId ?? body.port!, ip);
  const audit = auditPart(
    ctx,
    {
      action: "server.set_primary_allocation",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { ip: wanted.ip, port: wanted.port },
    },
    sql`exists (select from changed)`,
  );
  const [, result] = await ctx.db.batch([
    ctx.db.execute(lockNode(nodeId)),
    ctx.db.execute<{ version: string; generation: string }>(sql`
      with changed as (
        update servers set version = version + 1, network_version = version + 1
        where id = ${id} and exists (
          select from allocations where id = ${wanted.id} and server_id = ${id} and not is_primary
        ) returning version
      ),
      stepped_down as (
        update allocations set is_primary = false where server_id = ${id} and is_primary and exists (select from changed)
      ),
      bumped as (${bumpPart(nodeId, sql`exists (select from changed)`)}),
      audited as (${audit})
      select (select version from changed) as version, (select spec_generation from bumped) as generation
      where exists (select from changed)`),
    // A statement of its own: in one with the other, two would be primary for a moment, which the database refuses.
    ctx.db.execute(sql`
      update allocations a set is_primary = true, server_version = s.version from servers s
      where a.id = ${wanted.id} and a.server_id = ${id} and s.id = ${id}
        and not exists (select from allocations p where p.server_id = ${id} and p.is_primary)`),
  ]);
  const [changed] = result.rows;
  if (changed) await tellGeneration(ctx, nodeId, Number(changed.generation));
  const shown = (await shownAllocations(ctx)).find((allocation) => allocation.id === wanted.id);
  if (!shown) throw notFound("port of this server");
  return shown;
}
