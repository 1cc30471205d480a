/**
 * How often small frames may leave: one each interval in the long run, with a few saved up while it was quiet, so that
 * a typed command is echoed at once while steady chatter is gathered.
 */
const SAVED_FRAMES_MAX = 16;

export class FramePace {
  readonly #intervalMs: number;
  #frames = SAVED_FRAMES_MAX;
  #countedAt = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Milliseconds until the next small frame may leave. `now` never decreases. */
  delayMs(now: number): number {
    this.#count(now);
    return this.#frames >= 1 ? 0 : Math.ceil((1 - this.#frames) * this.#intervalMs);
  }

  /** A small frame left. */
  take(now: number): void {
    this.#count(now);
    this.#frames = Math.max(0, this.#frames - 1);
  }

  #count(now: number): void {
    this.#frames = Math.min(SAVED_FRAMES_MAX, this.#frames + (now - this.#countedAt) / this.#intervalMs);
    this.#countedAt = now;
  }
}
