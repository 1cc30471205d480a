import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import { servers } from "../../../drizzle/schema/index.ts";
import type { ServerDetail, updateServerBodySchema } from "../../../protocol/api/servers.ts";
import { allows, hasGlobal, refuse } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { notFound, Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { requireOnServer } from "./access.ts";
import { bumpPart } from "./bump-generation.ts";
import { settleEnvironment, settleImage } from "./environment.ts";
import { getServer } from "./get.ts";
import { authoriseShared, settleMoreLimits } from "./more-limits.ts";
import { holds, type Limits, lockNode, type Room, roomOn, shortage } from "./room.ts";
import { tellGeneration } from "./tell-generation.ts";

type Body = z.output<typeof updateServerBodySchema>;
type Row = typeof servers.$inferSelect;

interface Decision extends Record<string, unknown>, Room {
  changed: number;
  generation: string | null;
}

const OWN_LIMITS = [
  "allocatedMemoryMb",
  "allocatedCpuCores",
  "allocatedDiskMb",
  "memoryHeadroomMb",
  "pidsLimit",
  "openFilesLimit",
] as const;

/** Each kind of change needs a right of its own. */
function authorise(ctx: ServerContext, body: Body): void {
  if (body.name !== undefined || body.description !== undefined) requireOnServer(ctx, "server.rename");
  if (body.environment !== undefined) requireOnServer(ctx, "startup.update");
  if (body.image !== undefined) requireOnServer(ctx, "startup.image");
  if (body.stopTimeoutSeconds !== undefined) requireOnServer(ctx, "startup.update");
  authoriseShared(ctx, body);
  const wantsLimits = OWN_LIMITS.some((field) => body[field] !== undefined);
  // Whoever may create servers chose these limits; a grant on one server must not raise them.
  const isOwner = allows(ctx.server.permissions, "*");
  if (wantsLimits && !(isOwner && hasGlobal(ctx.caller, "server.create"))) throw refuse("server.create");
  if (body.startup !== undefined && !isOwner) throw refuse("*");
}

function settle(ctx: ServerContext, body: Body, row: Row) {
  const template = row.templateSnapshot;
  const mayEditAll = hasGlobal(ctx.caller, "admin.write");
  const memoryMb = body.allocatedMemoryMb ?? row.memoryMb;
  const more = settleMoreLimits(body, row, template, memoryMb);
  return {
    more,
    name: body.name ?? row.name,
    description: body.description ?? row.description,
    startup: body.startup ?? row.startup,
    image: body.image === undefined ? row.image : settleImage(template, body.image),
    environment:
      body.environment === undefined
        ? row.environment
        : settleEnvironment(template, { given: body.environment, current: row.environment, mayEditAll }),
    limits: {
      memoryMb,
      memoryHeadroomMb: more.memoryHeadroomMb,
      cpuCores: body.allocatedCpuCores ?? row.cpuCores,
      diskMb: body.allocatedDiskMb ?? row.diskMb,
    },
  };
}

/** Shrinking, or leaving a limit alone, is always possible, even on a node that promised more than it has. */
const grows = (row: Row, { memoryMb, memoryHeadroomMb, cpuCores, diskMb }: Limits) =>
  memoryMb + memoryHeadroomMb > row.memoryMb + row.memoryHeadroomMb || cpuCores > row.cpuCores || diskMb > row.diskMb;

/**
 * Changes a server's spec. The row is written only if nobody changed it since it was read, and growing limits only if
 * the node has room, counted behind its lock.
 *
 * @throws Refusal VALIDATION, PERMISSION_DENIED, INSUFFICIENT_RESOURCES, CONFLICT
 */
export async function updateServer(ctx: ServerContext, body: Body): Promise<ServerDetail> {
  authorise(ctx, body);
  const { id, nodeId } = ctx.server;
  const [row] = await ctx.db.select().from(servers).where(eq(servers.id, id));
  if (!row) throw notFound("server");
  const next = settle(ctx, body, row);
  const fits = grows(row, next.limits) ? holds(next.limits) : sql`true`;
  const audit = auditPart(
    ctx,
    {
      action: "server.update",
      targetType: "server",
      targetId: id,
      serverId: id,
      details: { fields: Object.keys(body) },
    },
    sql`exists (select from changed)`,
  );
  const [, result] = await ctx.db.batch([
    ctx.db.execute(lockNode(nodeId)),
    ctx.db.execute<Decision>(sql`
      with room as (${roomOn(nodeId, id)}),
      changed as (
        update servers set name = ${next.name}, description = ${next.description}, startup = ${next.startup},
          image = ${next.image}, environment = ${JSON.stringify(next.environment)}::jsonb,
          memory_mb = ${next.limits.memoryMb}::int, cpu_cores = ${next.limits.cpuCores}::float8,
          disk_mb = ${next.limits.diskMb}::int, memory_headroom_mb = ${next.more.memoryHeadroomMb}::int,
          has_own_headroom = ${next.more.hasOwnHeadroom}::boolean, swap_mb = ${next.more.swapMb}::int,
          cpu_pinning = ${next.more.cpuPinning}::text, io_weight = ${next.more.ioWeight}::int,
          pids_limit = ${next.more.pidsLimit}::int, open_files_limit = ${next.more.openFilesLimit}::int,
          stop_timeout_seconds = ${next.more.stopTimeoutSeconds}::int, version = version + 1,
          updated_at = ${new Date(ctx.clock.now()).toISOString()}::timestamptz
        from room where servers.id = ${id} and servers.version = ${row.version}::bigint and ${fits}
        returning servers.id
      ),
      bumped as (${bumpPart(nodeId, sql`exists (select from changed)`)}),
      audited as (${audit})
      select room.*, (select count(*) from changed)::int as changed, (select spec_generation from bumped) as generation
      from room`),
  ]);
  const decision = result.rows[0];
  if (!decision || decision.changed === 0) {
    const lacking = decision && grows(row, next.limits) ? shortage(decision, next.limits) : null;
    throw lacking ?? new Refusal("CONFLICT", "Somebody changed this server at the same time. Try again.");
  }
  await tellGeneration(ctx, nodeId, Number(decision.generation));
  return await getServer(ctx);
}
