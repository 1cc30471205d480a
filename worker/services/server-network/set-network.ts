import { sql } from "drizzle-orm";
import type { z } from "zod";
import type { serverNetworkBodySchema } from "../../../protocol/api/server-network.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { hasGlobal } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { invalid, notFound, Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { chosenPoolAddress, noPoolAddress } from "../pools/address-choice.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { requireNotSuspended, requireOnServer } from "../servers/access.ts";
import { bumpPart } from "../servers/bump-generation.ts";
import { getServer } from "../servers/get.ts";
import { lockNode } from "../servers/room.ts";
import { tellGeneration } from "../servers/tell-generation.ts";
import { isLive } from "./running.ts";

interface Decision extends Record<string, unknown> {
  pool_name: string | null;
  has_address: boolean;
  holds_address: boolean;
  is_live: boolean;
  generation: string | null;
}

/** @throws Refusal VALIDATION for parts that do not belong together, or a mode that is not the caller's to choose */
export function requireOwnNetworkChoice(
  { networkMode, poolId, poolIp }: { networkMode: string; poolId?: string | undefined; poolIp?: string | undefined },
  isStaff: boolean,
): void {
  if (networkMode === "host" && !isStaff) throw invalid("networkMode", "host networking is for administrators");
  if (networkMode === "pool" && !isStaff) throw invalid("networkMode", "pool networking is for administrators");
  if (networkMode === "pool" && poolId === undefined) throw invalid("poolId", "says which pool");
  if (networkMode !== "pool" && (poolId !== undefined || poolIp !== undefined)) {
    throw invalid("poolId", "belongs to the network mode `pool` alone");
  }
}

/**
 * Moves a server to another network; a server that runs moves at its next start. A pool address that a run has is not
 * given up meanwhile, because another server could not start with it.
 *
 * @throws Refusal VALIDATION; CONFLICT for an address that is taken, or while a run has the present one; QUOTA_EXCEEDED
 */
export async function setNetwork(
  ctx: ServerContext,
  body: z.output<typeof serverNetworkBodySchema>,
): Promise<ServerDetail> {
  requireOnServer(ctx, "allocation.update");
  requireNotSuspended(ctx);
  requireOwnNetworkChoice(body, hasGlobal(ctx.caller, "admin.write"));
  const { id, nodeId } = ctx.server;
  const { networkMode, poolId = "" } = body;
  const wanted = body.poolIp === undefined ? null : canonicalIp(body.poolIp);
  const isPool = networkMode === "pool";
  const audit = auditPart(
    ctx,
    {
      action: "server.set_network",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { networkMode, ...(isPool && { poolId, poolIp: wanted }) },
    },
    sql`exists (select from changed)`,
  );
  const [, result] = await ctx.db.batch([
    ctx.db.execute(lockNode(nodeId)),
    ctx.db.execute<Decision>(sql`
      with held as (select pool_id, ip from pool_addresses where server_id = ${id}),
      choice as materialized (
        -- A server that is in the pool already, and may have any address, keeps its own.
        select * from (
          select pool_id, ip from held where pool_id = ${poolId} and ${wanted}::inet is null
          union all (${chosenPoolAddress(poolId, nodeId, wanted, id)})
        ) c where ${isPool}::boolean limit 1
      ),
      facts as (
        select (select name from ip_pools where id = ${poolId} and node_id = ${nodeId}) as pool_name,
          exists (select from choice) as has_address,
          exists (select from held where not exists (select from choice where choice.pool_id = held.pool_id
            and choice.ip = held.ip)) as holds_address,
          ${isLive("o")} as is_live
        from servers s left join server_observed o on o.server_id = s.id where s.id = ${id}
      ),
      changed as (
        update servers set network_mode = ${networkMode}, version = version + 1, network_version = version + 1 from facts
        where servers.id = ${id} and facts.has_address = ${isPool}::boolean and not (facts.holds_address and facts.is_live)
        returning servers.id
      ),
      released as (
        delete from pool_addresses where server_id = ${id} and not ${isPool}::boolean and exists (select from changed)
      ),
      assigned as (
        insert into pool_addresses (pool_id, ip, server_id) select choice.pool_id, choice.ip, changed.id from choice, changed
        on conflict (server_id) do update set pool_id = excluded.pool_id, ip = excluded.ip
      ),
      bumped as (${bumpPart(nodeId, sql`exists (select from changed)`)}),
      audited as (${audit})
      select facts.*, (select spec_generation from bumped) as generation from facts`),
  ]);
  const decision = result.rows[0];
  if (!decision) throw notFound("server");
  if (decision.generation === null) {
    if (isPool && !decision.has_address) throw noPoolAddress(decision.pool_name, wanted);
    throw new Refusal("CONFLICT", "The server runs with its present address. Stop it before you give the address up.");
  }
  await tellGeneration(ctx, nodeId, Number(decision.generation));
  return await getServer(ctx);
}
