/** Tells the control plane something over HTTP, again and again until it was taken. */
import type { Log } from "../log.ts";
import { PanelError } from "../panel-client.ts";
import { type BackoffLimits, backoffMs } from "./backoff.ts";

const RETRY: BackoffLimits = { firstMs: 10_000, maxMs: 10 * 60_000 };
/** A panel from before a request answers 404, and a refused secret is the link's affair: the next connection tries again. */
const FINAL = [400, 401, 403, 404];

export interface TellerOptions {
  /** Tells what is new at the moment, if anything is. A rejection means that it was not taken. */
  tellOnce(): Promise<void>;
  log: Log;
  retry?: BackoffLimits;
}

export class Teller {
  readonly #options: TellerOptions;
  #isRunning = false;
  #isWanted = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** Never throws; while something is being told, what is new then is told after it. */
  tell(): void {
    this.#isWanted = true;
    this.#attempt = 0;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retry) clearTimeout(this.#retry);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isWanted && !this.#isClosed) {
        this.#isWanted = false;
        await this.#options.tellOnce();
      }
    } catch (error) {
      const { log, retry = RETRY } = this.#options;
      log.warn({ err: error }, "the panel did not take a report");
      const isFinal = error instanceof PanelError && FINAL.includes(error.status);
      if (isFinal || this.#isClosed) return;
      this.#retry = setTimeout(
        () => {
          this.#isWanted = true;
          void this.#run();
        },
        backoffMs(this.#attempt++, retry),
      );
    } finally {
      this.#isRunning = false;
    }
  }
}
