/** Streams that the agent sends although nobody reads them, as happens when the hub forgot that it had them opened. */

/** The agent is told at most this often for each server. */
const NOTICE_MS = 1_000;
/** A stolen node may make up any number of servers. */
const SERVERS_MAX = 1_000;

export class StrayStreams {
  readonly #toldAt = new Map<string, number>();

  /** Whether to tell the agent now to close this server's stream. */
  shouldTell(serverId: string, now: number): boolean {
    if (now - (this.#toldAt.get(serverId) ?? Number.NEGATIVE_INFINITY) < NOTICE_MS) return false;
    if (this.#toldAt.size >= SERVERS_MAX) this.#toldAt.clear();
    this.#toldAt.set(serverId, now);
    return true;
  }
}
