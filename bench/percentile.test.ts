import { describe, expect, it } from "vitest";
import { median, percentile } from "./percentile.ts";

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  it("takes the nearest rank, whatever order the values come in", () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile(hundred, 0)).toBe(1);
  });

  it("answers with a measured value, never one in between", () => {
    expect(median([1, 2])).toBe(1);
    expect(median([3, 1, 2])).toBe(2);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it("sorts by size, not by text, and leaves the values as they were", () => {
    const values = [10, 9, 100];
    expect(percentile(values, 1)).toBe(100);
    expect(values).toEqual([10, 9, 100]);
  });

  it("refuses to make up a figure", () => {
    expect(() => median([])).toThrow("no values");
  });
});
