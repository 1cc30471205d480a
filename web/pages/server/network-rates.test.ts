import { expect, test } from "vitest";
import { networkRates } from "./network-rates.ts";

test("rates are per second, and a counter that starts again is no traffic", () => {
  const sample = (timestamp: number, networkRxBytes: number, networkTxBytes: number) => ({
    timestamp,
    networkRxBytes,
    networkTxBytes,
  });
  expect(networkRates([])).toEqual([]);
  expect(networkRates([sample(0, 0, 0), sample(2_000, 4_000, 1_000), sample(4_000, 100, 50)])).toEqual([
    { receivedPerSecond: 2_000, sentPerSecond: 500 },
    { receivedPerSecond: 0, sentPerSecond: 0 },
  ]);
});
