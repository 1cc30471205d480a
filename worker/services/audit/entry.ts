import { type SQL, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { auditLog } from "../../../drizzle/schema/index.ts";
import type { CallerContext, RequestContext } from "../../context.ts";

export interface AuditedAction {
  /** Verb of the service, such as `server.create`. */
  action: string;
  targetType: string;
  targetId: string | null;
  serverId?: string;
  /** Names and numbers that explain the change. Never a secret, a password or console text. */
  details?: Record<string, unknown>;
}

function row(ctx: RequestContext & Partial<Pick<CallerContext, "caller">>, action: AuditedAction) {
  return {
    id: uuidv7(),
    at: new Date(ctx.clock.now()),
    actorId: ctx.caller?.userId ?? null,
    actorName: ctx.caller?.username ?? null,
    action: action.action,
    targetType: action.targetType,
    targetId: action.targetId,
    serverId: action.serverId ?? null,
    requestId: ctx.requestId,
    ip: ctx.clientAddress,
    details: action.details ?? {},
  };
}

/** The audit row of a mutation, as a statement for the mutation's own batch: both are written or neither. */
export function auditEntry(ctx: RequestContext & Partial<Pick<CallerContext, "caller">>, action: AuditedAction) {
  return ctx.db.insert(auditLog).values(row(ctx, action));
}

/** The same as part of a larger statement (`with audited as (…)`), written only where `condition` holds. */
export function auditPart(
  ctx: RequestContext & Partial<Pick<CallerContext, "caller">>,
  action: AuditedAction,
  condition: SQL,
) {
  const r = row(ctx, action);
  return sql`
    insert into audit_log (id, at, actor_id, actor_name, action, target_type, target_id, server_id, request_id, ip, details)
    select ${r.id}, ${r.at.toISOString()}::timestamptz, ${r.actorId}::text, ${r.actorName}::text, ${r.action},
      ${r.targetType}, ${r.targetId}::text, ${r.serverId}::text, ${r.requestId}, ${r.ip}::text,
      ${JSON.stringify(r.details)}::jsonb
    where ${condition}`;
}
