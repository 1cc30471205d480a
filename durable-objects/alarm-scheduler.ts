/**
 * Many named alarms over the one alarm that a Durable Object has.
 *
 * Names and due times are kept in storage, so they survive hibernation and restarts. Delivery is at least once: an
 * alarm is forgotten only after its handler ended, and a handler that throws is called again later. One failing
 * handler does not hold up the others.
 */

/** What the scheduler needs of storage. */
export interface AlarmStore {
  load(): Map<string, number>;
  put(name: string, dueAtMs: number): void;
  remove(name: string): void;
  /** Sets the platform's alarm; the last call wins. */
  arm(dueAtMs: number): void;
}

/** A handler that threw is called again after this. */
export const ALARM_RETRY_MS = 5_000;

export class AlarmScheduler {
  readonly #store: AlarmStore;
  readonly #dueAt: Map<string, number>;
  #armedAt = Number.POSITIVE_INFINITY;

  constructor(store: AlarmStore) {
    this.#store = store;
    this.#dueAt = store.load();
  }

  /** Makes `name` due at `dueAtMs` at the latest; one that is due earlier stays, which costs no write. */
  schedule(name: string, dueAtMs: number): void {
    const present = this.#dueAt.get(name);
    if (present !== undefined && present <= dueAtMs) return;
    this.#set(name, dueAtMs);
  }

  /** Makes `name` due at exactly `dueAtMs`, earlier or later than it was. */
  reschedule(name: string, dueAtMs: number): void {
    if (this.#dueAt.get(name) !== dueAtMs) this.#set(name, dueAtMs);
  }

  dueAt(name: string): number | null {
    return this.#dueAt.get(name) ?? null;
  }

  /**
   * Called by the platform's alarm. Calls `handler` for each name that is due, earliest first. A handler may schedule
   * its own name again. Never rejects.
   */
  async run(nowMs: number, handler: (name: string) => Promise<void> | void): Promise<void> {
    const due = [...this.#dueAt].filter(([, at]) => at <= nowMs).sort((a, b) => a[1] - b[1]);
    // Out of memory first, so that a handler may schedule its own name; out of storage only when it ended.
    for (const [name] of due) this.#dueAt.delete(name);
    for (const [name] of due) {
      try {
        await handler(name);
        if (!this.#dueAt.has(name)) this.#store.remove(name);
      } catch {
        this.#set(name, nowMs + ALARM_RETRY_MS);
      }
    }
    this.#armedAt = Number.POSITIVE_INFINITY;
    this.#arm();
  }

  #set(name: string, dueAtMs: number): void {
    this.#dueAt.set(name, dueAtMs);
    this.#store.put(name, dueAtMs);
    this.#arm();
  }

  #arm(): void {
    const earliest = Math.min(...this.#dueAt.values());
    // Armed too early is harmless: the platform's alarm then finds nothing due and arms the right time.
    if (earliest >= this.#armedAt || earliest === Number.POSITIVE_INFINITY) return;
    this.#armedAt = earliest;
    this.#store.arm(earliest);
  }
}

/** Keeps alarms in the object's SQLite database. */
export function sqlAlarmStore(storage: DurableObjectStorage): AlarmStore {
  const { sql } = storage;
  sql.exec("CREATE TABLE IF NOT EXISTS alarms (name TEXT PRIMARY KEY, due_at INTEGER NOT NULL) WITHOUT ROWID");
  return {
    load: () =>
      new Map(
        sql
          .exec<{ name: string; due_at: number }>("SELECT name, due_at FROM alarms")
          .toArray()
          .map((row) => [row.name, row.due_at]),
      ),
    put: (name, dueAtMs) => {
      sql.exec("INSERT OR REPLACE INTO alarms (name, due_at) VALUES (?, ?)", name, dueAtMs);
    },
    remove: (name) => {
      sql.exec("DELETE FROM alarms WHERE name = ?", name);
    },
    arm: (dueAtMs) => {
      void storage.setAlarm(dueAtMs);
    },
  };
}
