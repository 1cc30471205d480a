import { expect, it } from "vitest";
import { isoTime } from "./iso-time.ts";

const DAY_MS = 86_400_000;
const LAST_DAY = 100_000_000;

it("writes what a date writes, in every year that there is", () => {
  // Around the years 0, 1000, 1970, 2000, 2027 and 10000, and at both ends.
  const days = [-719_528, -354_285, 0, 11_016, 20_819, 2_932_897, -LAST_DAY + 1, LAST_DAY - 1].flatMap((day) => [
    day - 1,
    day,
  ]);
  const times = [0, 1, 9, 10, 99, 100, 999, 1_000, 59_999, 60_000, 3_599_999, 3_600_000, 36_000_000, DAY_MS - 1];
  for (const ms of days.flatMap((day) => times.map((time) => day * DAY_MS + time))) {
    if (Math.abs(ms) <= LAST_DAY * DAY_MS) expect(isoTime(ms)).toBe(new Date(ms).toISOString());
  }
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, (LAST_DAY + 1) * DAY_MS])("refuses %d as Date does", (ms) => {
  expect(() => isoTime(ms)).toThrow(RangeError);
});
