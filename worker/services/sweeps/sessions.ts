import { sql } from "drizzle-orm";
import { ago, deleteInBatches, type SweepContext } from "./delete-in-batches.ts";

/** Sessions whose tokens have expired. A revoked one goes with its expiry too, at most a day later. */
export const sweepSessions = (ctx: SweepContext) => deleteInBatches(ctx, "sessions", sql`expires_at <= ${ago(ctx, 0)}`);
