import type { ResourceStats } from "../../../protocol/frames/shared.ts";

/** Bytes per second between consecutive measurements; a counter that fell (a restart) counts as no traffic. */
export function networkRates(
  stats: readonly Pick<ResourceStats, "networkRxBytes" | "networkTxBytes" | "timestamp">[],
): { receivedPerSecond: number; sentPerSecond: number }[] {
  return stats.slice(1).map((sample, index) => {
    const before = stats[index]!;
    const seconds = Math.max(0.001, (sample.timestamp - before.timestamp) / 1000);
    return {
      receivedPerSecond: Math.max(0, (sample.networkRxBytes - before.networkRxBytes) / seconds),
      sentPerSecond: Math.max(0, (sample.networkTxBytes - before.networkTxBytes) / seconds),
    };
  });
}
