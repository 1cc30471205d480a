import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import { auditLog } from "../../../drizzle/schema/index.ts";
import type { AuditEntry } from "../../../protocol/api/audit.ts";
import type { CallerContext } from "../../context.ts";
import { decodeCursor, pageOf } from "../../db/page.ts";
import { invalid } from "../../errors.ts";

export interface AuditFilter {
  cursor?: string | undefined;
  limit: number;
  q?: string | undefined;
  action?: string | undefined;
  actorId?: string | undefined;
  serverId?: string | undefined;
}

const toEntry = (row: typeof auditLog.$inferSelect): AuditEntry => ({
  id: row.id,
  at: row.at.toISOString(),
  actorId: row.actorId,
  actorName: row.actorName,
  action: row.action,
  targetType: row.targetType,
  targetId: row.targetId,
  requestId: row.requestId,
  ip: row.ip,
  details: row.details,
});

/** Audit entries, newest first. What the caller may see of it is the caller's of this function to decide. */
export async function listAudit(ctx: CallerContext, filter: AuditFilter) {
  const after = decodeCursor(filter.cursor, 2);
  if (after && Number.isNaN(Date.parse(after[0]!))) throw invalid("cursor", "is not a cursor of this list");
  const conditions: (SQL | undefined)[] = [
    after ? sql`(${auditLog.at}, ${auditLog.id}) < (${after[0]}::timestamptz, ${after[1]})` : undefined,
    filter.serverId ? eq(auditLog.serverId, filter.serverId) : undefined,
    filter.actorId ? eq(auditLog.actorId, filter.actorId) : undefined,
    filter.action ? eq(auditLog.action, filter.action) : undefined,
    filter.q ? sql`(${auditLog.action} = ${filter.q} or ${auditLog.targetId} = ${filter.q})` : undefined,
  ];
  const rows = await ctx.db
    .select()
    .from(auditLog)
    .where(and(...conditions))
    .orderBy(desc(auditLog.at), desc(auditLog.id))
    .limit(filter.limit + 1);
  return pageOf(rows, filter.limit, (row) => [row.at.toISOString(), row.id], toEntry);
}
