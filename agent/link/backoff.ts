/** When to try again. Pure but for the given randomness. */
export interface BackoffLimits {
  firstMs: number;
  maxMs: number;
}

/**
 * Doubles with each attempt up to the limit, and spreads over the upper half so that a fleet that lost its hub at one
 * moment does not come back at one moment.
 *
 * @param attempt 0 for the first.
 * @param random from [0, 1).
 */
export function backoffMs(attempt: number, { firstMs, maxMs }: BackoffLimits, random = Math.random()): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(fullMs * (0.5 + random / 2));
}
