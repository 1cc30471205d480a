import { expect, test } from "vitest";
import { FloodCap } from "./flood-cap.ts";

test("a burst passes at once, and what follows at the sustained rate", () => {
  const cap = new FloodCap(1000, 100);
  let now = 5_000;
  cap.take(1000, now);
  let sent = 0;
  while (now < 15_000) {
    const delayMs = cap.delayMs(now);
    if (delayMs > 0) now += delayMs;
    else {
      cap.take(50, now);
      sent += 50;
    }
  }
  expect(sent).toBeGreaterThanOrEqual(1000);
  expect(sent).toBeLessThanOrEqual(1050);
});

test("after a quiet time a whole burst passes again, and no more than one", () => {
  const cap = new FloodCap(1000, 100);
  cap.take(1000, 0);
  expect(cap.delayMs(0)).toBeGreaterThan(0);
  cap.take(1000, 100_000);
  expect(cap.delayMs(100_000)).toBeGreaterThan(0);
});
