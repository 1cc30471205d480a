import { eq, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { nodes, templates, users } from "../../../drizzle/schema/index.ts";
import type { createServerBodySchema, ServerDetail } from "../../../protocol/api/servers.ts";
import type { NodeMode } from "../../../protocol/node-mode.ts";
import { hasGlobal, refuse, requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { invalid, noSuch, Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { chosenPoolAddress, noPoolAddress } from "../pools/address-choice.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { requireOwnNetworkChoice } from "../server-network/set-network.ts";
import { accessServer } from "./access.ts";
import { bumpPart } from "./bump-generation.ts";
import { settleEnvironment, settleImage } from "./environment.ts";
import { getServer } from "./get.ts";
import { authoriseShared, settleMoreLimits } from "./more-limits.ts";
import { chosenAddresses, portRefusal } from "./port-choice.ts";
import { holds, lockNode, type Room, roomOn, shortage } from "./room.ts";
import { tellGeneration } from "./tell-generation.ts";

type Body = z.output<typeof createServerBodySchema>;

interface Decision extends Record<string, unknown>, Room {
  port: number | null;
  pool_name: string | null;
  has_pool_address: boolean;
  server_id: string | null;
  generation: string | null;
  mode: NodeMode;
}

/**
 * Creates a server: row, addresses, generation and audit in one statement behind the node's lock, or nothing at all.
 *
 * @throws Refusal VALIDATION, INSUFFICIENT_RESOURCES, PORT_IN_USE, CONFLICT for a node that takes no new servers;
 * QUOTA_EXCEEDED when a pool has no address left
 */
export async function createServer(ctx: CallerContext, body: Body): Promise<ServerDetail> {
  requireGlobal(ctx.caller, "server.create");
  const isStaff = hasGlobal(ctx.caller, "admin.write");
  const ownerId = body.ownerId ?? ctx.caller.userId;
  if (ownerId !== ctx.caller.userId && !isStaff) throw refuse("admin.write");
  requireOwnNetworkChoice(body, isStaff);

  authoriseShared(ctx, body);

  const { template, revision } = await loadParts(ctx, body, ownerId);
  const environment = settleEnvironment(template, { given: body.environment, current: {}, mayEditAll: isStaff });
  const image = settleImage(template, body.image);
  const more = settleMoreLimits(body, null, template, body.allocatedMemoryMb);
  const limits = {
    memoryMb: body.allocatedMemoryMb,
    memoryHeadroomMb: more.memoryHeadroomMb,
    cpuCores: body.allocatedCpuCores,
    diskMb: body.allocatedDiskMb,
  };
  const id = uuidv7();
  const now = ctx.clock.now();
  const mayOpenLowPort = hasGlobal(ctx.caller, "node.manage_allocation");
  const portWish = { port: body.primaryPort ?? null, ip: null, count: 1, managesAllocations: mayOpenLowPort };
  const isPool = body.networkMode === "pool";
  const poolId = body.poolId ?? "";
  const poolIp = body.poolIp === undefined ? null : canonicalIp(body.poolIp);
  const audit = auditPart(
    ctx,
    {
      action: "server.create",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { name: body.name, ...limits },
    },
    sql`exists (select from created)`,
  );

  const [, result] = await ctx.db.batch([
    ctx.db.execute(lockNode(body.nodeId)),
    ctx.db.execute<Decision>(sql`
      with room as (${roomOn(body.nodeId, id)}),
      choice as (${chosenAddresses(body.nodeId, portWish)}),
      pool_choice as materialized (
        select * from (${chosenPoolAddress(poolId, body.nodeId, poolIp, id)}) c where ${isPool}::boolean
      ),
      created as (
        insert into servers (id, name, description, owner_id, node_id, template_id, template_revision, template_snapshot,
          image, startup, environment, memory_mb, cpu_cores, disk_mb, network_mode, desired_power, desired_power_at,
          restart_policy, memory_headroom_mb, has_own_headroom, swap_mb, cpu_pinning, io_weight, pids_limit, open_files_limit,
          stop_timeout_seconds)
        select ${id}, ${body.name}, ${body.description}, ${ownerId}, ${body.nodeId}, ${template.id}, ${revision}::bigint,
          ${JSON.stringify(template)}::jsonb, ${image}, ${template.startup}, ${JSON.stringify(environment)}::jsonb,
          ${limits.memoryMb}::int, ${limits.cpuCores}::float8, ${limits.diskMb}::int, ${body.networkMode},
          ${body.startAfterInstall ? "running" : "stopped"}, ${body.startAfterInstall ? now : 0}::bigint, ${body.restartPolicy},
          ${more.memoryHeadroomMb}::int, ${more.hasOwnHeadroom}::boolean, ${more.swapMb}::int, ${more.cpuPinning}::text,
          ${more.ioWeight}::int, ${more.pidsLimit}::int, ${more.openFilesLimit}::int, ${more.stopTimeoutSeconds}::int
        from room, choice where ${holds(limits)} and exists (select from nodes where id = ${body.nodeId} and mode = 'active')
          and (not ${isPool}::boolean or exists (select from pool_choice))
        returning id
      ),
      claimed as (
        update allocations set server_id = ${id}, is_primary = true, server_version = 1, notes = null
        where id = (select id from choice) and exists (select from created)
      ),
      opened as (
        insert into allocations (id, node_id, ip, port, server_id, is_primary, server_version)
        select ${uuidv7()}, ${body.nodeId}, ip, port, ${id}, true, 1 from choice where id is null and exists (select from created)
      ),
      assigned as (
        insert into pool_addresses (pool_id, ip, server_id) select pool_id, ip, created.id from pool_choice, created
      ),
      bumped as (${bumpPart(body.nodeId, sql`exists (select from created)`)}),
      audited as (${audit})
      select room.*, (select port from choice) as port, (select id from created) as server_id,
        (select name from ip_pools where id = ${poolId} and node_id = ${body.nodeId}) as pool_name,
        exists (select from pool_choice) as has_pool_address,
        (select spec_generation from bumped) as generation, (select mode from nodes where id = ${body.nodeId}) as mode
      from room`),
  ]);
  const decision = result.rows[0];
  if (!decision) throw noSuch("nodeId", "node");
  if (decision.server_id === null) throw refusalFor(decision, body, limits, mayOpenLowPort);
  await tellGeneration(ctx, body.nodeId, Number(decision.generation));
  return await getServer(await accessServer(ctx, id, "server.read"));
}

async function loadParts(ctx: CallerContext, body: Body, ownerId: string) {
  const [[template], [node], [owner]] = await ctx.db.batch([
    ctx.db
      .select({ template: templates.definition, revision: templates.revision })
      .from(templates)
      .where(eq(templates.id, body.templateId)),
    ctx.db.select({ locationId: nodes.locationId }).from(nodes).where(eq(nodes.id, body.nodeId)),
    ctx.db.select({ isBanned: users.isBanned }).from(users).where(eq(users.id, ownerId)),
  ]);
  if (!template) throw noSuch("templateId", "template");
  if (!node) throw noSuch("nodeId", "node");
  if (!owner) throw noSuch("ownerId", "user");
  if (body.locationId !== undefined && body.locationId !== node.locationId) {
    throw invalid("locationId", "is not the location of this node");
  }
  return template;
}

function refusalFor(decision: Decision, body: Body, limits: Parameters<typeof shortage>[1], mayOpenLowPort: boolean) {
  if (decision.mode !== "active") {
    const why = decision.mode === "draining" ? "is being drained" : "is under maintenance";
    const details = [{ path: "nodeId", message: `${why} and takes no new servers` }];
    return new Refusal("CONFLICT", `This node ${why} and takes no new servers. Choose another one.`, { details });
  }
  if (decision.port === null) {
    if (body.primaryPort === undefined) return new Refusal("PORT_IN_USE", "The node has no free port left.");
    return portRefusal("primaryPort", body.primaryPort, mayOpenLowPort);
  }
  if (body.networkMode === "pool" && !decision.has_pool_address) {
    return noPoolAddress(decision.pool_name, body.poolIp ?? null);
  }
  return shortage(decision, limits) ?? new Refusal("CONFLICT", "The server could not be created. Try again.");
}
