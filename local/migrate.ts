/**
 * Brings a database to the present schema: `DATABASE_URL=… npm run db:migrate`, against Neon as against any Postgres.
 *
 * Each migration runs once; running this again changes nothing.
 */
import { join } from "node:path";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate as runMigrations } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import { databaseUrlFromEnvironment } from "./database-url.ts";
import { projectRoot } from "./project-root.ts";

/** Two migrations at once would trip over each other: the second waits for the first. */
const LOCK_KEY = 7_201_124;

/** @throws when the database cannot be reached or a migration fails; a failed migration leaves nothing behind. */
export async function migrate(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [LOCK_KEY]);
    await runMigrations(drizzle(client), { migrationsFolder: join(projectRoot, "drizzle", "migrations") });
  } finally {
    await client.end();
  }
}

if (import.meta.main) {
  await migrate(databaseUrlFromEnvironment());
  console.log("The database is up to date.");
}
