import { sql } from "drizzle-orm";
import { ago, deleteInBatches, type SweepContext } from "./delete-in-batches.ts";

/** Tokens that enrol nothing any more: used, or expired. Who made and used them stands in the audit log. */
export const sweepDeploymentTokens = (ctx: SweepContext) =>
  deleteInBatches(ctx, "deployment_tokens", sql`used_at is not null or expires_at <= ${ago(ctx, 0)}`);
