/** Vitest global setup: one Postgres and one Neon-protocol proxy for all `*.pg.test.ts` of a run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startNeonProxy } from "../local/neon-proxy/server.ts";
import { startPostgres } from "../local/postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Superuser's URL; a test makes its own database by it and drops it. */
    pgAdminUrl: string;
    /** Where the proxy listens; it serves every database of that Postgres. */
    neonProxyUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "catalyst-pg-"));
  const postgres = await startPostgres({ folder, isDurable: false });
  const proxy = await startNeonProxy({ postgres, database: null });
  project.provide("pgAdminUrl", postgres.url("postgres"));
  project.provide("neonProxyUrl", proxy.url);
  return async () => {
    await proxy.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
