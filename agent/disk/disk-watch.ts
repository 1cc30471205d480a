/** Looks at the disks of running servers now and then, also while nobody else does, so that a full one is told. */
import type { ServerActor } from "../power/server-actor.ts";
import type { Disks } from "./server-disks.ts";

/** A look at a hard limit costs one call to the kernel. */
const LOOK_INTERVAL_MS = 10_000;
/** A look at a plain folder reads all of it: only every so many rounds. */
const SOFT_ROUNDS = 18;

export interface DiskWatchOptions {
  disks: Pick<Disks, "read">;
  actors(): ServerActor[];
  onError(error: unknown): void;
  intervalMs?: number;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  readonly #softs = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #round = 0;
  #isLooking = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#look(), this.#options.intervalMs ?? LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const isSoftRound = this.#round++ % SOFT_ROUNDS === 0;
    try {
      for (const { spec, paths, status } of this.#options.actors()) {
        if (status.state !== "running" && status.state !== "starting") continue;
        if (this.#softs.has(spec.id) && !isSoftRound) continue;
        const { kind } = await this.#options.disks.read(spec, paths);
        if (kind === "soft") this.#softs.add(spec.id);
        else this.#softs.delete(spec.id);
      }
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isLooking = false;
    }
  }
}
