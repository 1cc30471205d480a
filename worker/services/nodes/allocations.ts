import { and, asc, between, eq, gt, ilike, isNotNull, isNull, or, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { allocations, servers } from "../../../drizzle/schema/index.ts";
import type {
  Allocation,
  allocationListQuerySchema,
  createAllocationsBodySchema,
  deleteAllocationsQuerySchema,
  updateAllocationBodySchema,
} from "../../../protocol/api/nodes.ts";
import { PORT_RANGE_MAX } from "../../../protocol/limits.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { invalid, notFound, Refusal } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { findNode } from "./read.ts";

const toAllocation = (
  { id, nodeId, ip, port, alias, notes, serverId, isPrimary }: typeof allocations.$inferSelect,
  serverName: string | null = null,
): Allocation => ({
  ...{ id, nodeId, ip, port, alias, notes, serverId, serverName, isPrimary },
});

export async function listAllocations(
  ctx: CallerContext,
  nodeId: string,
  { cursor, limit, use, ip, q }: z.output<typeof allocationListQuerySchema>,
) {
  await findNode(ctx, nodeId);
  const after = decodeCursor(cursor, 2);
  if (after && !/^\d{1,5}$/.test(after[0]!)) throw invalid("cursor", "is not a cursor of this list");
  const port = Number(after?.[0]);
  const text = q ? containing(q) : null;
  const rows = await ctx.db
    .select({ allocation: allocations, serverName: servers.name })
    .from(allocations)
    .leftJoin(servers, eq(servers.id, allocations.serverId))
    .where(
      and(
        eq(allocations.nodeId, nodeId),
        use === "free" ? isNull(allocations.serverId) : undefined,
        use === "used" ? isNotNull(allocations.serverId) : undefined,
        ip ? eq(allocations.ip, canonicalIp(ip)) : undefined,
        text
          ? or(
              sql`${allocations.port}::text like ${text}`,
              ...[allocations.ip, allocations.alias, allocations.notes, servers.name].map((column) =>
                ilike(column, text),
              ),
            )
          : undefined,
        after
          ? or(gt(allocations.port, port), and(eq(allocations.port, port), gt(allocations.id, after[1]!)))
          : undefined,
      ),
    )
    .orderBy(asc(allocations.port), asc(allocations.id))
    .limit(limit + 1);
  return pageOf(
    rows,
    limit,
    ({ allocation }) => [String(allocation.port), allocation.id],
    ({ allocation, serverName }) => toAllocation(allocation, serverName),
  );
}

function rangeOf(given: number | string): [number, number] {
  const [first, last = first] = String(given).split("-").map(Number) as [number, number?];
  const isPort = (port: number) => port >= 1 && port <= 65535;
  if (!isPort(first) || !isPort(last) || last < first)
    throw invalid("ports", "is not a range of ports from 1 to 65535");
  return [first, last];
}

function portsOf(given: number | string): number[] {
  const [first, last] = rangeOf(given);
  if (last - first >= PORT_RANGE_MAX) throw invalid("ports", `may hold at most ${PORT_RANGE_MAX} ports at once`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Gives a node ports. Those it has already are left as they are. @returns the ones that are new */
export async function createAllocations(
  ctx: CallerContext,
  nodeId: string,
  body: z.output<typeof createAllocationsBodySchema>,
): Promise<Allocation[]> {
  requireGlobal(ctx.caller, "node.manage_allocation");
  const node = await findNode(ctx, nodeId);
  const ip = canonicalIp(body.ip ?? node.bindAddress);
  const shared = { nodeId, ip, alias: body.alias ?? null, notes: body.notes ?? null };
  const rows = portsOf(body.ports).map((port) => ({ id: uuidv7(), port, ...shared }));
  const [made] = await ctx.db.batch([
    ctx.db.insert(allocations).values(rows).onConflictDoNothing().returning(),
    auditEntry(ctx, {
      action: "node.create_allocations",
      targetType: "node",
      targetId: nodeId,
      details: { ip, ports: body.ports },
    }),
  ]);
  if (made.length === 0) throw new Refusal("CONFLICT", "The node has all of these ports already.");
  return made.map((row) => toAllocation(row));
}

export async function updateAllocation(
  ctx: CallerContext,
  nodeId: string,
  allocationId: string,
  body: z.output<typeof updateAllocationBodySchema>,
): Promise<Allocation> {
  requireGlobal(ctx.caller, "node.manage_allocation");
  const isIt = and(eq(allocations.id, allocationId), eq(allocations.nodeId, nodeId));
  const [current] = await ctx.db.select().from(allocations).where(isIt);
  if (!current) throw notFound("allocation");
  const alias = body.alias === undefined ? current.alias : body.alias;
  const notes = body.notes === undefined ? current.notes : body.notes;
  const [[row]] = await ctx.db.batch([
    ctx.db.update(allocations).set({ alias, notes }).where(isIt).returning(),
    auditEntry(ctx, {
      action: "node.update_allocation",
      targetType: "node",
      targetId: nodeId,
      details: { ip: current.ip, port: current.port },
    }),
  ]);
  if (!row) throw notFound("allocation");
  return toAllocation(row);
}

/** Takes a range of ports away from a node, of one address or of all. Those that servers use stay, and are counted. */
export async function deleteAllocations(
  ctx: CallerContext,
  nodeId: string,
  { ports, ip }: z.output<typeof deleteAllocationsQuerySchema>,
): Promise<{ deleted: number; inUse: number }> {
  requireGlobal(ctx.caller, "node.manage_allocation");
  await findNode(ctx, nodeId);
  const [first, last] = rangeOf(ports);
  const isMeant = and(
    eq(allocations.nodeId, nodeId),
    between(allocations.port, first, last),
    ip ? eq(allocations.ip, canonicalIp(ip)) : undefined,
  );
  const [gone, [left]] = await ctx.db.batch([
    ctx.db
      .delete(allocations)
      .where(and(isMeant, isNull(allocations.serverId)))
      .returning({ id: allocations.id }),
    ctx.db.select({ count: sql<number>`count(*)::int` }).from(allocations).where(isMeant),
    auditEntry(ctx, {
      action: "node.delete_allocations",
      targetType: "node",
      targetId: nodeId,
      details: { ip: ip ?? null, ports },
    }),
  ]);
  return { deleted: gone.length, inUse: left?.count ?? 0 };
}

/** @throws Refusal CONFLICT while a server has it */
export async function deleteAllocation(ctx: CallerContext, nodeId: string, allocationId: string): Promise<void> {
  requireGlobal(ctx.caller, "node.manage_allocation");
  const isIt = and(eq(allocations.id, allocationId), eq(allocations.nodeId, nodeId));
  const [current] = await ctx.db.select().from(allocations).where(isIt);
  if (!current) throw notFound("allocation");
  const [gone] = await ctx.db.batch([
    ctx.db
      .delete(allocations)
      .where(and(isIt, sql`${allocations.serverId} is null`))
      .returning({ id: allocations.id }),
    auditEntry(ctx, {
      action: "node.delete_allocation",
      targetType: "node",
      targetId: nodeId,
      details: { ip: current.ip, port: current.port },
    }),
  ]);
  if (gone.length === 0) throw new Refusal("CONFLICT", "A server uses this port.");
}
