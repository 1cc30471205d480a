/** Sends figures while somebody looks at them, and nothing while nobody does. */
import { STATS_INTERVAL_MS } from "../../protocol/limits.ts";

export interface LiveReportSources {
  /** Sends one server's figures. */
  sendStats(serverId: string): Promise<void>;
  sendHealth(): Promise<void>;
  onError(error: unknown): void;
}

export class LiveReports {
  readonly #sources: LiveReportSources;
  #serverIds: readonly string[] = [];
  #hasHealth = false;
  #timer: NodeJS.Timeout | null = null;
  #isSending = false;

  constructor(sources: LiveReportSources) {
    this.#sources = sources;
  }

  /** The whole set of what is looked at from now on. */
  watch(serverIds: readonly string[], health: boolean): void {
    const isMore = health || serverIds.some((id) => !this.#serverIds.includes(id));
    this.#serverIds = [...new Set(serverIds)];
    this.#hasHealth = health;
    if (serverIds.length === 0 && !health) {
      this.stop();
      return;
    }
    this.#timer ??= setInterval(() => void this.#send(), STATS_INTERVAL_MS);
    if (isMore) void this.#send();
  }

  stop(): void {
    this.#serverIds = [];
    this.#hasHealth = false;
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #send(): Promise<void> {
    // A slow round makes the next one late, it does not pile up.
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      if (this.#hasHealth) await this.#sources.sendHealth();
      await Promise.all(this.#serverIds.map((id) => this.#sources.sendStats(id)));
    } catch (error) {
      this.#sources.onError(error);
    } finally {
      this.#isSending = false;
    }
  }
}
