import { eq, type SQL, sql } from "drizzle-orm";
import { nodes } from "../../../drizzle/schema/index.ts";
import type { Database } from "../../db/connect.ts";

/**
 * Raises the node's spec generation, as a statement for the batch of the change that its agent must know of. Answers
 * with the generation to tell the hub (`tellGeneration`).
 */
export const bumpGeneration = (db: Database, nodeId: string | SQL) =>
  db
    .update(nodes)
    .set({ specGeneration: sql`${nodes.specGeneration} + 1` })
    .where(eq(nodes.id, nodeId))
    .returning({ generation: nodes.specGeneration });

/** The same as part of a larger statement (`with bumped as (…)`, one row `spec_generation`), only where `condition` holds. */
export const bumpPart = (nodeId: string, condition: SQL): SQL => sql`
  update nodes set spec_generation = spec_generation + 1
  where id = ${nodeId} and ${condition} returning spec_generation`;
