/** The database of one machine: Postgres, kept running, with the proxy that speaks Neon's protocol before it. */
import { setTimeout as delay } from "node:timers/promises";
import { startNeonProxy } from "./neon-proxy/server.ts";
import { startPostgres } from "./postgres.ts";
import type { ProcessIdentity } from "./process-identity.ts";

export interface Database {
  /** For the Worker and for tools. */
  url: string;
  proxyUrl: string;
  stop(): Promise<void>;
}

const DATABASE = "catalyst";
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 5_000;

/** Starts Postgres and the proxy and brings the schema up to date. */
export async function startDatabase(options: {
  folder: string;
  log(line: string): void;
  onStart(identity: ProcessIdentity): void;
}): Promise<Database> {
  let isStopping = false;
  const abort = new AbortController();
  const loading = import("./migrate.ts");
  loading.catch(() => {});
  let postgres = await startPostgres({ folder: options.folder });
  options.onStart(postgres.identity);

  /** Keeps its port, which the Worker and the proxy know; a full disk or a taken port is waited for. */
  const startAgain = async (port: number): Promise<void> => {
    for (let retryMs = RETRY_MIN_MS; !isStopping; retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)) {
      try {
        const started = await startPostgres({ folder: options.folder, preferredPort: port });
        if (started.port === port) {
          postgres = started;
          options.onStart(started.identity);
          return;
        }
        await started.stop();
        throw new Error(`its port ${port} was taken meanwhile`);
      } catch (error) {
        options.log(`Postgres cannot be started again: ${(error as Error).message}`);
      }
      await delay(retryMs, undefined, { signal: abort.signal }).catch(() => {});
    }
  };
  const keepRunning = async (): Promise<void> => {
    while (!isStopping) {
      await postgres.ended;
      if (isStopping) return;
      options.log("Postgres ended; starting it again");
      await startAgain(postgres.port);
    }
  };

  try {
    await postgres.ensureDatabase(DATABASE);
    const { migrate } = await loading;
    await migrate(postgres.url(DATABASE));
    const proxy = await startNeonProxy({ postgres, database: DATABASE });
    const finished = keepRunning();
    return {
      url: postgres.url(DATABASE),
      proxyUrl: proxy.url,
      async stop() {
        isStopping = true;
        abort.abort();
        await proxy.close();
        await postgres.stop();
        await finished;
        // One whose start was under way when the stop came.
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
