import { sql } from "drizzle-orm";
import { ago, deleteInBatches, type SweepContext } from "./delete-in-batches.ts";

/** Answers that are not replayed any more. */
export const sweepIdempotencyKeys = (ctx: SweepContext) =>
  deleteInBatches(ctx, "idempotency_keys", sql`expires_at <= ${ago(ctx, 0)}`);
