/** The database of one machine: Postgres, kept running, with the proxy that speaks Neon's protocol before it. */
import { startNeonProxy } from "./neon-proxy/server.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";
import type { ProcessIdentity } from "./process-identity.ts";

export interface Database {
  /** For the Worker and for tools. */
  url: string;
  proxyUrl: string;
  stop(): Promise<void>;
}

const DATABASE = "catalyst";

/** Starts Postgres and the proxy and brings the schema up to date. */
export async function startDatabase(options: {
  folder: string;
  log(line: string): void;
  onStart(identity: ProcessIdentity): void;
}): Promise<Database> {
  let isStopping = false;
  const loading = import("./migrate.ts");
  loading.catch(() => {});
  let postgres = await startPostgres({ folder: options.folder });
  options.onStart(postgres.identity);

  const keepRunning = async (running: RunningPostgres): Promise<void> => {
    await running.ended;
    if (isStopping) return;
    options.log("Postgres ended; starting it again");
    try {
      postgres = await startPostgres({ folder: options.folder, preferredPort: running.port });
      if (postgres.port !== running.port) throw new Error(`its port ${running.port} was taken meanwhile`);
      options.onStart(postgres.identity);
      if (isStopping) await postgres.stop();
      else await keepRunning(postgres);
    } catch (error) {
      options.log(`Postgres cannot be started again: ${(error as Error).message}`);
    }
  };

  try {
    await postgres.ensureDatabase(DATABASE);
    const { migrate } = await loading;
    await migrate(postgres.url(DATABASE));
    const proxy = await startNeonProxy({ postgres, database: DATABASE });
    void keepRunning(postgres);
    return {
      url: postgres.url(DATABASE),
      proxyUrl: proxy.url,
      async stop() {
        isStopping = true;
        await proxy.close();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
