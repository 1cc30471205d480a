/**
 * How much live text one server may send: a burst at full speed, then a sustained rate. A cap and no queue: the log
 * keeps what is not sent, and the stream skips to the newest text when it falls too far behind.
 */
export class FloodCap {
  readonly #burstBytes: number;
  readonly #bytesPerMs: number;
  #allowance: number;
  #countedAt = 0;

  constructor(burstBytes: number, bytesPerSecond: number) {
    this.#burstBytes = burstBytes;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#allowance = burstBytes;
  }

  /** Milliseconds until something may be sent again. `now` never decreases. */
  delayMs(now: number): number {
    this.#count(now);
    return this.#allowance > 0 ? 0 : Math.ceil((1 - this.#allowance) / this.#bytesPerMs);
  }

  take(bytes: number, now: number): void {
    this.#count(now);
    this.#allowance -= bytes;
  }

  #count(now: number): void {
    this.#allowance = Math.min(this.#burstBytes, this.#allowance + (now - this.#countedAt) * this.#bytesPerMs);
    this.#countedAt = now;
  }
}
