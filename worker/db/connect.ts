import { neon, neonConfig } from "@neondatabase/serverless";
import { drizzle } from "drizzle-orm/neon-http";
import * as schema from "../../drizzle/schema/index.ts";
import type { Env } from "../env.ts";

export type Database = ReturnType<typeof open>;

function open(databaseUrl: string) {
  return drizzle(neon(databaseUrl), { schema });
}

const opened = new Map<string, Database>();

/**
 * The database over Neon's HTTP protocol: no session, one round trip for a statement or for a whole batch.
 *
 * Only when `NEON_LOCAL_PROXY` is set is the driver pointed elsewhere; in production it finds Neon by itself.
 */
export function connectDatabase(env: Pick<Env, "DATABASE_URL" | "NEON_LOCAL_PROXY">): Database {
  if (env.NEON_LOCAL_PROXY) neonConfig.fetchEndpoint = `${env.NEON_LOCAL_PROXY}/sql`;
  const known = opened.get(env.DATABASE_URL);
  if (known) return known;
  const database = open(env.DATABASE_URL);
  opened.set(env.DATABASE_URL, database);
  return database;
}
