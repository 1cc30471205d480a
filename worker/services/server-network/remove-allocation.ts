import { sql } from "drizzle-orm";
import type { ServerContext } from "../../context.ts";
import { invalid, Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { requireNotSuspended, requireOnServer } from "../servers/access.ts";
import { bumpPart } from "../servers/bump-generation.ts";
import { lockNode } from "../servers/room.ts";
import { tellGeneration } from "../servers/tell-generation.ts";
import { findServerAllocation } from "./allocations.ts";
import { isLive, isOlderRun } from "./running.ts";

/**
 * Takes a port from a server; it is the node's to give to another. A run that has the port cannot be made to let go of
 * it, and another server that got it could not start: so a port in use stays until the server is stopped.
 *
 * @throws Refusal VALIDATION for the primary one, CONFLICT while a run has it
 */
export async function removeServerAllocation(ctx: ServerContext, portOrId: string, ipText?: string) {
  requireOnServer(ctx, "allocation.delete");
  requireNotSuspended(ctx);
  const { id, nodeId } = ctx.server;
  const found = await findServerAllocation(ctx, portOrId, ipText === undefined ? undefined : canonicalIp(ipText));
  if (found.isPrimary) throw invalid("port", "is the server's primary port; make another one primary first");
  const inUse = () =>
    new Refusal("CONFLICT", `The server runs with port ${found.port}. Stop it before you remove the port.`);
  if (found.isInUse) throw inUse();
  const { ip, port } = found;
  const audit = auditPart(
    ctx,
    {
      action: "server.remove_allocation",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { ip, port },
    },
    sql`exists (select from freed)`,
  );
  const [, result] = await ctx.db.batch([
    ctx.db.execute(lockNode(nodeId)),
    ctx.db.execute<{ generation: string }>(sql`
      with freed as (
        update allocations a set server_id = null, server_version = null, notes = null
        where a.id = ${found.id} and a.server_id = ${id} and not a.is_primary and not exists (
          select from server_observed o where o.server_id = ${id}
            and ${isLive("o")} and not ${isOlderRun("o", "a.server_version")}
        ) returning a.id
      ),
      changed as (
        update servers set version = version + 1 where id = ${id} and exists (select from freed) returning id
      ),
      bumped as (${bumpPart(nodeId, sql`exists (select from changed)`)}),
      audited as (${audit})
      select spec_generation as generation from bumped`),
  ]);
  const [changed] = result.rows;
  if (!changed) throw inUse();
  await tellGeneration(ctx, nodeId, Number(changed.generation));
  // Whatever runs now never had it.
  return { ip, port, appliesAtNextStart: false };
}
