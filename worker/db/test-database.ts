import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    pgAdminUrl: string;
    neonProxyUrl: string;
  }
}

const MIGRATIONS = join(import.meta.dirname, "../../drizzle/migrations");
const STATEMENT_END = "--> statement-breakpoint";

export interface TestDatabase {
  /** What the Worker is configured with to reach this database through the Neon-protocol proxy. */
  env: { DATABASE_URL: string; NEON_LOCAL_PROXY: string };
  /** Runs SQL directly, around the Worker: to arrange and to check. */
  query<T extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]>;
  /** Drops the database. */
  close(): Promise<void>;
}

/** A fresh, migrated database of its own for one test file. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const adminUrl = inject("pgAdminUrl");
  await runAs(adminUrl, (admin) => admin.query(`create database ${name}`));
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;

  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  for (const statement of migrationStatements()) await client.query(statement);

  return {
    env: { DATABASE_URL: url.href, NEON_LOCAL_PROXY: inject("neonProxyUrl") },
    query: async (text, values) => (await client.query(text, values as unknown[])).rows,
    close: async () => {
      await client.end();
      await runAs(adminUrl, (admin) => admin.query(`drop database if exists ${name} with (force)`));
    },
  };
}

function migrationStatements(): string[] {
  const files = readdirSync(MIGRATIONS).filter((file) => file.endsWith(".sql"));
  return files.sort().flatMap((file) => readFileSync(join(MIGRATIONS, file), "utf8").split(STATEMENT_END));
}

async function runAs(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
