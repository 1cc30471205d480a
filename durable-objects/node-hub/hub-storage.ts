/** The hub's own SQLite tables: the node's facts, the last state of each server, and the outbox rows. */
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import type { HubFacts } from "./effects.ts";
import { CRASH_KEY_PREFIX, type OutboxEntry, type OutboxStore } from "./outbox.ts";
import type { Bucket } from "./token-bucket.ts";

/** A node has hundreds of servers at most; a stolen one that makes up ids must not fill the disk. */
const SERVERS_KEPT_MAX = 5_000;
/** Crashes that wait for Postgres, about 40 MiB at most; past it the oldest are given up, for the same reason. */
const CRASHES_WAITING_MAX = 5_000;

const NEW_HUB: HubFacts = {
  nodeId: null,
  epoch: 0,
  specGeneration: 0,
  ackedSeq: 0,
  agentVersion: null,
  runtime: null,
  isOnline: false,
  eventAllowance: null,
};

export class HubStorage implements OutboxStore {
  readonly #sql: SqlStorage;
  #failures: number;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS server_states (server_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, json TEXT NOT NULL)",
    );
    sql.exec(
      "CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, due_at INTEGER NOT NULL, json TEXT NOT NULL)",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS allowances (key TEXT PRIMARY KEY, tokens REAL NOT NULL, at INTEGER NOT NULL)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS outbox_failures (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL)",
    );
    this.#failures = sql.exec<{ count: number }>("SELECT count FROM outbox_failures").toArray()[0]?.count ?? 0;
  }

  failures(): number {
    return this.#failures;
  }

  setFailures(count: number): void {
    this.#failures = count;
    this.#sql.exec("INSERT OR REPLACE INTO outbox_failures (id, count) VALUES (1, ?)", count);
  }

  facts(): HubFacts {
    const row = this.#sql.exec<{ json: string }>("SELECT json FROM facts").toArray()[0];
    return row ? { ...NEW_HUB, ...(JSON.parse(row.json) as Partial<HubFacts>) } : NEW_HUB;
  }

  saveFacts(facts: HubFacts): void {
    this.#sql.exec("INSERT OR REPLACE INTO facts (id, json) VALUES (1, ?)", JSON.stringify(facts));
  }

  lastState(serverId: string): ServerStateEvent | null {
    const rows = this.#sql.exec<{ json: string }>("SELECT json FROM server_states WHERE server_id = ?", serverId);
    const row = rows.toArray()[0];
    return row ? (JSON.parse(row.json) as ServerStateEvent) : null;
  }

  saveState(event: ServerStateEvent): void {
    if (this.lastState(event.serverId) === null) this.#makeRoom();
    this.#sql.exec(
      "INSERT OR REPLACE INTO server_states (server_id, seq, json) VALUES (?, ?, ?)",
      event.serverId,
      event.seq,
      JSON.stringify(event),
    );
  }

  put(key: string, dueAtMs: number, json: string): void {
    // A new id each time: an entry replaced while it was on its way to Postgres is not removed with the old one.
    this.#sql.exec("INSERT OR REPLACE INTO outbox (key, due_at, json) VALUES (?, ?, ?)", key, dueAtMs, json);
    if (key.startsWith(CRASH_KEY_PREFIX)) this.#boundOutbox("key GLOB", CRASHES_WAITING_MAX);
  }

  waiting(key: string): { dueAt: number; json: string } | null {
    const rows = this.#sql.exec<{ due_at: number; json: string }>("SELECT due_at, json FROM outbox WHERE key = ?", key);
    const row = rows.toArray()[0];
    return row ? { dueAt: row.due_at, json: row.json } : null;
  }

  allowance(key: string): Bucket | null {
    return (
      this.#sql
        .exec<{ tokens: number; at: number }>("SELECT tokens, at FROM allowances WHERE key = ?", key)
        .toArray()[0] ?? null
    );
  }

  setAllowance(key: string, { tokens, at }: Bucket): void {
    this.#sql.exec("INSERT OR REPLACE INTO allowances (key, tokens, at) VALUES (?, ?, ?)", key, tokens, Math.round(at));
  }

  due(nowMs: number, limit: number): OutboxEntry[] {
    return this.#sql
      .exec<{ id: number; key: string; json: string }>(
        "SELECT id, key, json FROM outbox WHERE due_at <= ? ORDER BY id LIMIT ?",
        nowMs,
        limit,
      )
      .toArray();
  }

  remove(entries: readonly OutboxEntry[]): void {
    for (const { id } of entries) this.#sql.exec("DELETE FROM outbox WHERE id = ?", id);
  }

  nextDueAt(): number | null {
    return this.#sql.exec<{ at: number | null }>("SELECT min(due_at) AS at FROM outbox").one().at;
  }

  depth(): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM outbox").one().n;
  }

  #makeRoom(): void {
    this.#sql.exec(
      "DELETE FROM server_states WHERE seq IN (SELECT seq FROM server_states ORDER BY seq DESC LIMIT -1 OFFSET ?)",
      SERVERS_KEPT_MAX,
    );
    this.#boundOutbox("key NOT GLOB", SERVERS_KEPT_MAX);
    // The node's own, used most recently of all, stays.
    this.#sql.exec(
      "DELETE FROM allowances WHERE key IN (SELECT key FROM allowances WHERE key <> '' ORDER BY at DESC LIMIT -1 OFFSET ?)",
      SERVERS_KEPT_MAX,
    );
  }

  /** Keeps the newest of the crashes, or of everything else. */
  #boundOutbox(which: "key GLOB" | "key NOT GLOB", max: number): void {
    this.#sql.exec(
      `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE ${which} ? ORDER BY id DESC LIMIT -1 OFFSET ?)`,
      `${CRASH_KEY_PREFIX}*`,
      max,
    );
  }
}
