import { sql } from "drizzle-orm";
import { QUIET_SECONDS } from "../auth/throttle.ts";
import { ago, deleteInBatches, type SweepContext } from "./delete-in-batches.ts";

/** Counts that throttling has forgotten: no attempt within its window, and no block that still holds. */
export const sweepLoginAttempts = (ctx: SweepContext) =>
  deleteInBatches(
    ctx,
    "login_attempts",
    sql`window_start < ${ago(ctx, QUIET_SECONDS * 1000)} and (blocked_until is null or blocked_until <= ${ago(ctx, 0)})`,
  );
