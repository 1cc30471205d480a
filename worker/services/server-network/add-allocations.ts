import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import type { addAllocationsBodySchema, ServerAllocation } from "../../../protocol/api/server-network.ts";
import { ALLOCATION_LIMIT_MAX } from "../../../protocol/limits.ts";
import { hasGlobal } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { invalid, notFound, Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { requireNotSuspended, requireOnServer } from "../servers/access.ts";
import { bumpPart } from "../servers/bump-generation.ts";
import { chosenAddresses, hasAddress, type PortWish, portRefusal } from "../servers/port-choice.ts";
import { lockNode } from "../servers/room.ts";
import { tellGeneration } from "../servers/tell-generation.ts";
import { shownAllocations } from "./allocations.ts";

interface Decision extends Record<string, unknown> {
  chosen: number;
  used: number;
  limit: number;
  knows_ip: boolean;
  made: string[] | null;
  generation: string | null;
}

/**
 * Gives a server more ports: all that were asked for, or none. A server that runs has them from its next start on.
 *
 * @throws Refusal PORT_IN_USE; QUOTA_EXCEEDED past the server's limit, unless one manages the node's allocations
 */
export async function addAllocations(
  ctx: ServerContext,
  body: z.output<typeof addAllocationsBodySchema>,
): Promise<ServerAllocation[]> {
  requireOnServer(ctx, "allocation.create");
  requireNotSuspended(ctx);
  const { id, nodeId } = ctx.server;
  const { count, port = null } = body;
  if (port !== null && count > 1)
    throw invalid("count", "one port can be added only once; leave out `port` for several");
  const managesAllocations = hasGlobal(ctx.caller, "node.manage_allocation");
  const ip = body.ip === undefined ? null : canonicalIp(body.ip);
  const wish = { port, ip, count, managesAllocations };
  const ids = Array.from({ length: count }, () => uuidv7());
  const audit = auditPart(
    ctx,
    {
      action: "server.add_allocations",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { port, ip, count },
    },
    sql`exists (select from changed)`,
  );
  const [, result] = await ctx.db.batch([
    ctx.db.execute(lockNode(nodeId)),
    ctx.db.execute<Decision>(sql`
      with choice as materialized (select c.*, row_number() over () as number from (${chosenAddresses(nodeId, wish)}) c),
      facts as (
        select (select count(*) from choice)::int as chosen,
          (select count(*) from allocations where server_id = s.id)::int as used,
          case when ${managesAllocations}::boolean then ${ALLOCATION_LIMIT_MAX}::int else s.allocation_limit end as limit,
          (${ip}::text is null or ${hasAddress(ip)}) as knows_ip
        from servers s join nodes n on n.id = s.node_id where s.id = ${id}
      ),
      changed as (
        update servers set version = version + 1, network_version = version + 1 from facts
        where servers.id = ${id} and facts.chosen = ${count}::int and facts.used + ${count}::int <= facts.limit
        returning servers.version
      ),
      claimed as (
        update allocations a set server_id = ${id}, server_version = changed.version, notes = null from choice, changed
        where a.id = choice.id returning a.id
      ),
      opened as (
        insert into allocations (id, node_id, ip, port, server_id, server_version)
        select ${JSON.stringify(ids)}::jsonb ->> (choice.number - 1)::int, ${nodeId}, choice.ip, choice.port, ${id}, changed.version
        from choice, changed where choice.id is null returning id
      ),
      bumped as (${bumpPart(nodeId, sql`exists (select from changed)`)}),
      audited as (${audit})
      select facts.*, (select json_agg(id) from (select id from claimed union all select id from opened) m) as made,
        (select spec_generation from bumped) as generation
      from facts`),
  ]);
  const decision = result.rows[0];
  if (!decision) throw notFound("server");
  if (decision.generation === null) throw refusalFor(decision, wish);
  await tellGeneration(ctx, nodeId, Number(decision.generation));
  const made = new Set(decision.made);
  // Also to somebody who may add ports but not list them.
  return (await shownAllocations(ctx)).filter((allocation) => made.has(allocation.id));
}

function refusalFor({ chosen, used, limit, knows_ip }: Decision, { port, ip, count, managesAllocations }: PortWish) {
  if (used + count > limit) {
    const more = limit - used > 0 ? `${limit - used} more can be added` : "no more can be added";
    return new Refusal("QUOTA_EXCEEDED", `The server has ${used} of at most ${limit} ports; ${more}.`);
  }
  if (!knows_ip && !managesAllocations) return invalid("ip", `${ip} is not an address of this node`);
  if (port !== null) return portRefusal("port", port, managesAllocations);
  return new Refusal("PORT_IN_USE", `The node has ${chosen} free ports left, ${count} were asked for.`);
}
