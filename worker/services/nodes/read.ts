import { and, asc, eq, getTableColumns, gt, ilike, or, sql } from "drizzle-orm";
import { nodes } from "../../../drizzle/schema/index.ts";
import type { ListQuery } from "../../../protocol/api/envelope.ts";
import type { Node, NodeDetail } from "../../../protocol/api/nodes.ts";
import type { Finding } from "../../../protocol/findings.ts";
import { hasGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { latestAgentVersion } from "../../deploy/agent-bundle.ts";
import { notFound } from "../../errors.ts";
import { declaredFindings } from "./declared-findings.ts";

type NodeRow = typeof nodes.$inferSelect;
type FindingCounts = NonNullable<Node["findingCounts"]>;

// A list needs how many there are, not all their texts.
const { findings: _findings, ...shownColumns } = getTableColumns(nodes);
const countOf = (level: string) =>
  sql`(select count(*) from jsonb_array_elements(nodes.findings) f where f->>'level' = ${level})`;

/** What is promised to servers, run or not. Written out, because a single-table select leaves table names away. */
const columns = {
  node: shownColumns,
  findingCounts: sql<FindingCounts | null>`case when nodes.findings is not null
    then jsonb_build_object('errors', ${countOf("error")}, 'warnings', ${countOf("warning")}) end`,
  allocatedMemoryMb: sql<number>`(select coalesce(sum(s.memory_mb + s.memory_headroom_mb), 0) from servers s where s.node_id = nodes.id)::float8`,
  allocatedCpuCores: sql<number>`(select coalesce(sum(s.cpu_cores), 0) from servers s where s.node_id = nodes.id)::float8`,
  allocatedDiskMb: sql<number>`(select coalesce(sum(s.disk_mb), 0) from servers s where s.node_id = nodes.id)::float8`,
  serverCount: sql<number>`(select count(*) from servers s where s.node_id = nodes.id)::int`,
};

interface Row {
  node: Omit<NodeRow, "findings">;
  findingCounts: FindingCounts | null;
  allocatedMemoryMb: number;
  allocatedCpuCores: number;
  allocatedDiskMb: number;
  serverCount: number;
}

/** Whether the caller may see what a health check found: it tells of programs, versions and folders of the machine. */
export const seesFindings = (ctx: CallerContext) =>
  hasGlobal(ctx.caller, "node.view_stats") || hasGlobal(ctx.caller, "node.update");

/** What is added for those who may see what a health check found. */
interface Shown {
  latestAgentVersion: string | null;
}

async function shownTo(ctx: CallerContext): Promise<Shown | null> {
  return seesFindings(ctx) ? { latestAgentVersion: await latestAgentVersion(ctx) } : null;
}

/** An update is over once the agent is of the build that was asked for, whoever or whatever brought it there. */
function openUpdate({ agentUpdate, agentVersion }: Row["node"]): Node["agentUpdate"] {
  if (!agentUpdate || agentUpdate.version === agentVersion) return null;
  const { version, status, reason, at } = agentUpdate;
  return { version, status, reason, at };
}

function toNode({ node, findingCounts, ...used }: Row, shown: Shown | null): Node {
  const { specGeneration, onlineEpoch, enrolledAt, lastSeenAt, createdAt, updatedAt, modeSetAt, modeSetBy, ...known } =
    node;
  const { machine, findingsAt, agentUpdate, ...plain } = known;
  const free = (max: number, overcommit: number, promised: number) => Math.max(0, max * overcommit - promised);
  return {
    ...plain,
    ...used,
    freeMemoryMb: Math.floor(free(node.maxMemoryMb, node.memoryOvercommit, used.allocatedMemoryMb)),
    freeCpuCores: Math.round(free(node.maxCpuCores, node.cpuOvercommit, used.allocatedCpuCores) * 100) / 100,
    freeDiskMb: Math.floor(free(node.maxDiskMb, node.diskOvercommit, used.allocatedDiskMb)),
    findingCounts: shown && findingCounts ? withDeclared(findingCounts, declaredFindings(node, machine)) : null,
    latestAgentVersion: shown?.latestAgentVersion ?? null,
    agentUpdate: shown ? openUpdate(node) : null,
    isEnrolled: enrolledAt !== null,
    modeSetAt: modeSetAt?.toISOString() ?? null,
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  };
}

function withDeclared(counts: FindingCounts, declared: readonly Finding[]): FindingCounts {
  return { ...counts, warnings: counts.warnings + declared.filter(({ level }) => level === "warning").length };
}

export async function listNodes(ctx: CallerContext, { cursor, limit, q }: ListQuery) {
  const after = decodeCursor(cursor, 1);
  const text = q ? containing(q) : null;
  const [shown, rows] = await Promise.all([
    shownTo(ctx),
    ctx.db
      .select(columns)
      .from(nodes)
      .where(
        and(
          after ? gt(nodes.id, after[0]!) : undefined,
          text ? or(ilike(nodes.name, text), ilike(nodes.hostname, text)) : undefined,
        ),
      )
      .orderBy(asc(nodes.id))
      .limit(limit + 1),
  ]);
  return pageOf(
    rows,
    limit,
    (row) => [row.node.id],
    (row) => toNode(row, shown),
  );
}

/** That there is such a node, with the little that services ask of it before they change it. @throws Refusal NOT_FOUND */
export async function findNode(
  ctx: CallerContext,
  id: string,
): Promise<Pick<NodeRow, "name" | "bindAddress" | "mode">> {
  const [node] = await ctx.db
    .select({ name: nodes.name, bindAddress: nodes.bindAddress, mode: nodes.mode })
    .from(nodes)
    .where(eq(nodes.id, id));
  if (!node) throw notFound("node");
  return node;
}

/** A node as its page shows it. @throws Refusal NOT_FOUND */
export async function getNode(ctx: CallerContext, id: string): Promise<NodeDetail> {
  const [shown, [row]] = await Promise.all([
    shownTo(ctx),
    ctx.db
      .select({ ...columns, findings: nodes.findings })
      .from(nodes)
      .where(eq(nodes.id, id)),
  ]);
  if (!row) throw notFound("node");
  const { findings, ...rest } = row;
  const isShown = shown !== null && findings !== null;
  return {
    ...toNode(rest, shown),
    findings: isShown ? [...findings, ...declaredFindings(row.node, row.node.machine)] : null,
    findingsAt: isShown ? (row.node.findingsAt?.toISOString() ?? null) : null,
    machine: isShown ? row.node.machine : null,
  };
}
