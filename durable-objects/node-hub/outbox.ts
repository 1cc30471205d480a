/**
 * Write-behind to Postgres: what the agent reported is kept in the hub's own storage first, and brought to Postgres by
 * an alarm, so neither a message nor the agent ever waits for the database.
 *
 * An entry is kept until Postgres has it, however long that takes. Each server has one entry for its state, the newest:
 * Postgres holds the present state only. Each crash has an entry of its own, because all of them are kept, up to an
 * allowance that only a node out of its owner's hands uses up; of those beyond the number is kept. Every write
 * is fenced (by the event's number, the crash's name, the power request's time, the connection's epoch), so a write
 * that comes twice or late changes nothing.
 */
import type { Crash, ServerStateEvent } from "../../protocol/frames/shared.ts";
import { type AllowanceStore, takeCrash } from "./crash-allowance.ts";
import type { NodePresence } from "./effects.ts";
import { DRAIN_RULES, OMITTED_TOLD_AFTER_MS, PACED_DELAY_MS } from "./flood-limits.ts";
import { type Bucket, refilled } from "./token-bucket.ts";

export interface OutboxEntry {
  id: number;
  key: string;
  json: string;
}

export interface OutboxStore extends AllowanceStore {
  /** Adds an entry, in place of an older one of the same key. */
  put(key: string, dueAtMs: number, json: string): void;
  /** The waiting entry of this key. */
  waiting(key: string): { dueAt: number; json: string } | null;
  /** The oldest entries that are due, in order. */
  due(nowMs: number, limit: number): OutboxEntry[];
  /** Removes exactly these; an entry that was replaced meanwhile stays. */
  remove(entries: readonly OutboxEntry[]): void;
  nextDueAt(): number | null;
  depth(): number;
  /** Failed drains in a row: kept, because a hub sleeps between attempts. */
  failures(): number;
  setFailures(count: number): void;
}

/** A crash of one server; `seq` of its event orders it among those of its node. */
export interface CrashEntry extends Crash {
  serverId: string;
  seq: number;
}

/** Crashes of one server that were not written one by one. */
export interface OmittedCrashes {
  serverId: string;
  count: number;
  /** When the first and the last of them were told. */
  since: number;
  until: number;
}

export interface OutboxBatch {
  nodeId: string;
  states: ServerStateEvent[];
  crashes: CrashEntry[];
  omitted: OmittedCrashes[];
  presence: NodePresence | null;
}

/** Where the entries go. Writes all of the batch or nothing. */
export interface OutboxDatabase {
  write(batch: OutboxBatch): Promise<void>;
}

/** What kind of failure a write met. `data`: Postgres refuses the values, and always will. */
export type WriteFault = "data" | "unavailable";

/** Changes gather this long before they are written together. */
export const DRAIN_DELAY_MS = 100;
const BATCH_MAX = 200;
/** Text of one batch, unless a single entry is longer: far below what the database's HTTP endpoint takes. */
const BATCH_MAX_CHARACTERS = 512 * 1024;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;

const PRESENCE_KEY = "presence";
/** Begins the key of every entry that holds a crash, and of no other. */
export const CRASH_KEY_PREFIX = "crash ";
const OMITTED_KEY_PREFIX = "omitted ";
const stateKey = (serverId: string) => `state ${serverId}`;

export class Outbox {
  readonly #store: OutboxStore;
  readonly #database: OutboxDatabase;
  readonly #faultOf: (error: unknown) => WriteFault;
  readonly #random: () => number;
  /** After a refused batch, so many entries are written one by one to find the refused one. */
  #singly = 0;
  /** What waits may be on its way to Postgres at this moment. */
  #isWriting = false;
  /** Kept in memory alone: a hub that is written to so often does not sleep. */
  #drains: Bucket | null = null;
  /** Entries given up because Postgres refuses their values. */
  refused = 0;

  constructor(
    store: OutboxStore,
    database: OutboxDatabase,
    faultOf: (error: unknown) => WriteFault,
    random: () => number = Math.random,
  ) {
    this.#store = store;
    this.#database = database;
    this.#faultOf = faultOf;
    this.#random = random;
  }

  addState(event: ServerStateEvent, now: number): void {
    const key = stateKey(event.serverId);
    const dueAt = now + this.#delayMs(now);
    // A server that changes without end is still written: what waits is replaced, not put off.
    const waits = this.#isWriting ? null : this.#store.waiting(key);
    this.#store.put(key, Math.min(waits?.dueAt ?? dueAt, dueAt), JSON.stringify(event));
  }

  addCrash(crash: CrashEntry, now: number): void {
    const { serverId, id } = crash;
    const key = `${CRASH_KEY_PREFIX}${serverId} ${id}`;
    if (takeCrash(this.#store, serverId, now)) this.#store.put(key, now + this.#delayMs(now), JSON.stringify(crash));
    else this.#omit(serverId, now);
  }

  #omit(serverId: string, now: number): void {
    const key = `${OMITTED_KEY_PREFIX}${serverId}`;
    const waiting = this.#store.waiting(key);
    const before = waiting && (JSON.parse(waiting.json) as OmittedCrashes);
    const omitted: OmittedCrashes = {
      serverId,
      count: (before?.count ?? 0) + 1,
      since: before?.since ?? now,
      until: now,
    };
    this.#store.put(key, waiting?.dueAt ?? now + OMITTED_TOLD_AFTER_MS, JSON.stringify(omitted));
  }

  /** How long changes gather: a moment, unless Postgres was written to very often of late. */
  #delayMs(now: number): number {
    this.#drains = refilled(this.#drains, DRAIN_RULES, now);
    return this.#drains.tokens >= 1 ? DRAIN_DELAY_MS : PACED_DELAY_MS;
  }

  addPresence(presence: NodePresence, delayMs: number, now: number): void {
    this.#store.put(PRESENCE_KEY, now + Math.max(delayMs, DRAIN_DELAY_MS), JSON.stringify(presence));
  }

  /** When `drain` should be called, seen from new entries; null while it backs off or has nothing to do. */
  wantsDrainAt(): number | null {
    return this.#store.failures() > 0 ? null : this.#store.nextDueAt();
  }

  /**
   * Writes everything that is due. Never rejects.
   *
   * @returns when to call again, or null when nothing is left
   */
  async drain(nodeId: string, clock: () => number): Promise<number | null> {
    for (;;) {
      const entries = fitting(this.#store.due(clock(), this.#singly > 0 ? 1 : BATCH_MAX));
      if (entries.length === 0) return this.#store.nextDueAt();
      const drains = refilled(this.#drains, DRAIN_RULES, clock());
      this.#drains = { ...drains, tokens: Math.max(0, drains.tokens - 1) };
      try {
        this.#isWriting = true;
        await this.#database.write(batchOf(nodeId, entries));
      } catch (error) {
        if (this.#faultOf(error) === "unavailable") return clock() + this.#backoffMs();
        if (entries.length > 1) {
          this.#singly = entries.length;
          continue;
        }
        this.refused += 1;
      } finally {
        this.#isWriting = false;
      }
      this.#singly = Math.max(0, this.#singly - 1);
      if (this.#store.failures() > 0) this.#store.setFailures(0);
      this.#store.remove(entries);
    }
  }

  #backoffMs(): number {
    const failures = this.#store.failures();
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** failures);
    this.#store.setFailures(Math.min(failures + 1, 16));
    return Math.round(ceiling * (0.5 + this.#random() / 2));
  }
}

/** As many entries from the first on as one batch may hold; at least one. */
function fitting(entries: readonly OutboxEntry[]): readonly OutboxEntry[] {
  let room = BATCH_MAX_CHARACTERS;
  const count = entries.findIndex(({ json }) => {
    room -= json.length;
    return room < 0;
  });
  return count < 0 ? entries : entries.slice(0, Math.max(count, 1));
}

function batchOf(nodeId: string, entries: readonly OutboxEntry[]): OutboxBatch {
  const batch: OutboxBatch = { nodeId, states: [], crashes: [], omitted: [], presence: null };
  for (const { key, json } of entries) {
    if (key === PRESENCE_KEY) batch.presence = JSON.parse(json) as NodePresence;
    else if (key.startsWith(OMITTED_KEY_PREFIX)) batch.omitted.push(JSON.parse(json) as OmittedCrashes);
    else if (key.startsWith(CRASH_KEY_PREFIX)) batch.crashes.push(JSON.parse(json) as CrashEntry);
    else batch.states.push(JSON.parse(json) as ServerStateEvent);
  }
  return batch;
}
