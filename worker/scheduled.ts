import { connectDatabase } from "./db/connect.ts";
import type { Env } from "./env.ts";
import { systemClock } from "./ports/clock.ts";
import { type SweepName, sweepExpired } from "./services/sweeps/sweep-expired.ts";

const AUDIT_RETENTION_DAYS_DEFAULT = 90;

/** What is set by the operator, unless it is no number of days. */
function auditRetentionDays(env: Pick<Env, "AUDIT_RETENTION_DAYS">): number {
  const days = Number(env.AUDIT_RETENTION_DAYS);
  return Number.isInteger(days) && days >= 1 && days <= 36_500 ? days : AUDIT_RETENTION_DAYS_DEFAULT;
}

/** The daily work of the control plane; the cloud's cron starts it, and `npm start` does on one machine. */
export async function daily(env: Env): Promise<Record<SweepName, number | null>> {
  const swept = await sweepExpired({
    db: connectDatabase(env),
    clock: systemClock,
    auditRetentionDays: auditRetentionDays(env),
  });
  console.log(JSON.stringify({ level: "info", what: "swept", ...swept }));
  return swept;
}
