/**
 * Postgres sessions of the proxy, shared by all requests for a database.
 *
 * A request may not see what another left in its session, so one that changes session state gives its session up.
 */
import pg from "pg";
import { Pipeline, type PipelineOptions, type StatementResult } from "./pipeline.ts";
import { PreparedStatements } from "./prepared-statements.ts";

export interface SessionsOptions {
  host: string;
  port: number;
  user: string;
  password: string;
  maxPerDatabase: number;
}

interface Session {
  prepared: PreparedStatements;
  /** `I` outside a transaction, `T` in one, `E` in a failed one. */
  transactionStatus: string;
}

/** Reading and writing rows leaves nothing behind in a session, unless one of these is used. */
const ROW_STATEMENT = /^\s*(select|insert|update|delete|with|values)\b/i;
const LEAVES_TRACES = /\b(pg_\w*advisory_lock\w*|set_config|temp|temporary)\b/i;
/** A table changed its shape under a prepared statement. */
const STALE_PLAN_ROUTINE = "RevalidateCachedQuery";
const IDLE_MS = 10_000;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #pools = new Map<string, pg.Pool>();
  readonly #sessions = new WeakMap<pg.ClientBase, Session>();
  readonly #tracesByText = new Map<string, boolean>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Runs one request's statements in one session; rejects with Postgres's own error. */
  async run(database: string, work: Omit<PipelineOptions, "prepared">): Promise<StatementResult[]> {
    const client = await this.#pool(database).connect();
    let isSpoilt = work.statements.some((statement) => this.#leavesTraces(statement.query));
    try {
      return await this.#submit(client, work);
    } catch (error) {
      await this.#recover(client, work);
      if (!isStalePlan(error)) throw error;
      // Nothing was done: Postgres finds out before it executes, and a batch was rolled back.
      isSpoilt = true;
      this.#sessions.get(client)!.prepared = new PreparedStatements();
      await client.query("DEALLOCATE ALL");
      return await this.#submit(client, work);
    } finally {
      // A lone `BEGIN`, or whatever else went wrong, must not reach the next request.
      client.release(isSpoilt || this.#sessions.get(client)!.transactionStatus !== "I");
    }
  }

  /** Ends all sessions, letting running requests finish. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.end()));
    this.#pools.clear();
  }

  #submit(client: pg.PoolClient, work: Omit<PipelineOptions, "prepared">): Promise<StatementResult[]> {
    return client.query(new Pipeline({ ...work, prepared: this.#sessions.get(client)!.prepared })).done;
  }

  /** Makes a session whose pipeline failed fit for use; the query waits until Postgres is ready again. */
  async #recover(client: pg.PoolClient, work: Omit<PipelineOptions, "prepared">): Promise<void> {
    this.#sessions.get(client)!.prepared.forgetUnconfirmed();
    if (work.begin !== null) await client.query("ROLLBACK").catch(() => {});
  }

  #leavesTraces(text: string): boolean {
    let leaves = this.#tracesByText.get(text);
    if (leaves === undefined) {
      leaves = !ROW_STATEMENT.test(text) || LEAVES_TRACES.test(text);
      if (this.#tracesByText.size > 2_000) this.#tracesByText.clear();
      this.#tracesByText.set(text, leaves);
    }
    return leaves;
  }

  #pool(database: string): pg.Pool {
    const known = this.#pools.get(database);
    if (known) return known;
    const { host, port, user, password, maxPerDatabase } = this.#options;
    const pool = new pg.Pool({
      host,
      port,
      user,
      password,
      database,
      max: maxPerDatabase,
      idleTimeoutMillis: IDLE_MS,
      connectionTimeoutMillis: 15_000,
      allowExitOnIdle: true,
    });
    // A database that is dropped, or a server that stops, ends idle sessions: the next request opens a new one.
    pool.on("error", () => {});
    pool.on("connect", (client) => {
      client.on("error", () => {});
      const session: Session = { prepared: new PreparedStatements(), transactionStatus: "I" };
      this.#sessions.set(client, session);
      const { connection } = client as unknown as pg.Client;
      connection.on("parseComplete", () => session.prepared.confirm());
      connection.on("readyForQuery", (message: { status: string }) => {
        session.transactionStatus = message.status;
      });
    });
    this.#pools.set(database, pool);
    return pool;
  }
}

function isStalePlan(error: unknown): boolean {
  const { code, routine } = error as { code?: string; routine?: string };
  return code === "0A000" && routine === STALE_PLAN_ROUTINE;
}
