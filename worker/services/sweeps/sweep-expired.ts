import { logFault } from "../../log.ts";
import { sweepAuditEntries } from "./audit-entries.ts";
import type { SweepContext } from "./delete-in-batches.ts";
import { sweepDeploymentTokens } from "./deployment-tokens.ts";
import { sweepIdempotencyKeys } from "./idempotency-keys.ts";
import { sweepLoginAttempts } from "./login-attempts.ts";
import { sweepSessions } from "./sessions.ts";

const SWEEPS = {
  sessions: sweepSessions,
  idempotencyKeys: sweepIdempotencyKeys,
  loginAttempts: sweepLoginAttempts,
  deploymentTokens: sweepDeploymentTokens,
  auditEntries: sweepAuditEntries,
};
export type SweepName = keyof typeof SWEEPS;

/**
 * Deletes everything that has expired, one table after the other. One that fails is logged and holds no other up: what
 * it left is found by the next sweep.
 *
 * @returns how many rows of each were deleted; null where it failed
 */
export async function sweepExpired(ctx: SweepContext): Promise<Record<SweepName, number | null>> {
  const deleted: Partial<Record<SweepName, number | null>> = {};
  for (const [name, sweep] of Object.entries(SWEEPS) as [SweepName, (ctx: SweepContext) => Promise<number>][]) {
    try {
      deleted[name] = await sweep(ctx);
    } catch (error) {
      logFault(`the sweep of ${name} failed`, "sweep", error);
      deleted[name] = null;
    }
  }
  return deleted as Record<SweepName, number | null>;
}
