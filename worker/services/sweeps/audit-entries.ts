import { sql } from "drizzle-orm";
import { ago, deleteInBatches, type SweepContext } from "./delete-in-batches.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Audit entries older than they are kept. */
export const sweepAuditEntries = (ctx: SweepContext) =>
  deleteInBatches(ctx, "audit_log", sql`at < ${ago(ctx, ctx.auditRetentionDays * DAY_MS)}`);
