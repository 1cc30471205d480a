import { and, asc, eq, gt, ilike, or, sql } from "drizzle-orm";
import { nodes } from "../../../drizzle/schema/index.ts";
import type { ListQuery } from "../../../protocol/api/envelope.ts";
import type { Node } from "../../../protocol/api/nodes.ts";
import type { CallerContext, RequestContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { notFound } from "../../errors.ts";

/** What is promised to servers, run or not. Written out, because a single-table select leaves table names away. */
const columns = {
  node: nodes,
  allocatedMemoryMb: sql<number>`(select coalesce(sum(s.memory_mb + s.memory_headroom_mb), 0) from servers s where s.node_id = nodes.id)::float8`,
  allocatedCpuCores: sql<number>`(select coalesce(sum(s.cpu_cores), 0) from servers s where s.node_id = nodes.id)::float8`,
  allocatedDiskMb: sql<number>`(select coalesce(sum(s.disk_mb), 0) from servers s where s.node_id = nodes.id)::float8`,
  serverCount: sql<number>`(select count(*) from servers s where s.node_id = nodes.id)::int`,
};

interface Row {
  node: typeof nodes.$inferSelect;
  allocatedMemoryMb: number;
  allocatedCpuCores: number;
  allocatedDiskMb: number;
  serverCount: number;
}

function toNode({ node, ...used }: Row): Node {
  const { specGeneration, onlineEpoch, enrolledAt, lastSeenAt, createdAt, updatedAt, modeSetAt, modeSetBy, ...shown } =
    node;
  const free = (max: number, overcommit: number, promised: number) => Math.max(0, max * overcommit - promised);
  return {
    ...shown,
    ...used,
    freeMemoryMb: Math.floor(free(node.maxMemoryMb, node.memoryOvercommit, used.allocatedMemoryMb)),
    freeCpuCores: Math.round(free(node.maxCpuCores, node.cpuOvercommit, used.allocatedCpuCores) * 100) / 100,
    freeDiskMb: Math.floor(free(node.maxDiskMb, node.diskOvercommit, used.allocatedDiskMb)),
    isEnrolled: enrolledAt !== null,
    modeSetAt: modeSetAt?.toISOString() ?? null,
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  };
}

export async function listNodes(ctx: CallerContext, { cursor, limit, q }: ListQuery) {
  const after = decodeCursor(cursor, 1);
  const text = q ? containing(q) : null;
  const rows = await ctx.db
    .select(columns)
    .from(nodes)
    .where(
      and(
        after ? gt(nodes.id, after[0]!) : undefined,
        text ? or(ilike(nodes.name, text), ilike(nodes.hostname, text)) : undefined,
      ),
    )
    .orderBy(asc(nodes.id))
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => [row.node.id], toNode);
}

export async function getNode(ctx: RequestContext, id: string): Promise<Node> {
  const [row] = await ctx.db.select(columns).from(nodes).where(eq(nodes.id, id));
  if (!row) throw notFound("node");
  return toNode(row);
}
