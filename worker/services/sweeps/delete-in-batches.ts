import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../../db/connect.ts";
import type { Clock } from "../../ports/clock.ts";

export interface SweepContext {
  db: Database;
  clock: Clock;
  /** How long audit entries are kept. */
  auditRetentionDays: number;
}

/** Rows of one statement: few enough that none holds a lock or the connection for long. */
export const SWEEP_BATCH_ROWS = 2_000;
/** Statements of one table a sweep: what is left over waits for the next one. */
export const SWEEP_BATCHES_MAX = 100;

/**
 * Deletes the rows for which `condition` holds, in bounded batches. Two sweeps at once do no harm: each row is deleted
 * by one of them.
 *
 * @returns how many rows were deleted
 */
export async function deleteInBatches(
  { db }: SweepContext,
  table: string,
  condition: SQL,
  { rows = SWEEP_BATCH_ROWS, batches = SWEEP_BATCHES_MAX }: { rows?: number; batches?: number } = {},
): Promise<number> {
  const name = sql.identifier(table);
  let deleted = 0;
  for (let batch = 0; batch < batches; batch++) {
    const answer = await db.execute<{ count: number }>(sql`
      with gone as (
        delete from ${name} where ctid = any(array(select ctid from ${name} where ${condition} limit ${rows}::int))
        returning 1
      ) select count(*)::int as count from gone`);
    const count = answer.rows[0]?.count ?? 0;
    deleted += count;
    if (count < rows) break;
  }
  return deleted;
}

/** The time so many milliseconds ago, as SQL. */
export const ago = ({ clock }: SweepContext, ms: number): SQL =>
  sql`${new Date(clock.now() - ms).toISOString()}::timestamptz`;
