/**
 * The value that `share` of all values do not exceed (nearest rank), so it is always one that was measured.
 * @param share between 0 and 1: 0.5 is the median
 * @throws when there are no values: a figure of nothing would be made up
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error("no values to take a percentile of");
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1]!;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
