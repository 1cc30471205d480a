import { describe, expect, it } from "vitest";
import { type KnownSegments, placeSegments, type SegmentFile } from "./segment-table.ts";

const NOTHING: KnownSegments = { segments: [], latest: 0 };

function file(name: string, identity: string, sizeBytes: number): SegmentFile {
  return { name, identity, sizeBytes };
}

const stated = (start: number) => `@${start.toString(16).padStart(16, "0")}.s`;
const starts = (known: KnownSegments) => known.segments.map((segment) => segment.start);

describe("placing console segments", () => {
  it("counts on over a rotation that was seen", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100));
    const second = placeSegments(first, [file(stated(0), "a", 120)], file("current", "b", 30));
    expect(starts(second)).toEqual([0, 120]);
    expect(second.latest).toBe(150);
  });

  it("counts several rotations that nobody saw", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 10));
    const rotated = [file(stated(170), "c", 50), file(stated(0), "a", 100), file(stated(100), "b", 70)];
    expect(starts(placeSegments(first, rotated, file("current", "d", 5)))).toEqual([0, 100, 170, 220]);
  });

  it("knows the exact hole when segments are gone that nobody saw", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100));
    const next = placeSegments(first, [file(stated(5000), "x", 10)], file("current", "y", 5));
    expect(starts(next)).toEqual([5000, 5010]);
    const exact = placeSegments(first, [file(stated(100), "x", 10)], file("current", "y", 5));
    expect(starts(exact)).toEqual([100, 110]);
  });

  it("finds all offsets again from stated names when the index is lost", () => {
    const files = [file(stated(300), "b", 50), file(stated(100), "a", 200)];
    expect(starts(placeSegments(NOTHING, files, file("current", "c", 5)))).toEqual([100, 300, 350]);
  });

  it("never goes backwards when the logger began to count anew", () => {
    const first = placeSegments(NOTHING, [file(stated(0), "a", 100)], file("current", "b", 100));
    const next = placeSegments(first, [file(stated(0), "x", 40)], file("current", "y", 5));
    expect(starts(next)).toEqual([200, 240]);
  });

  it("goes on after the last known offset when the folder was emptied", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100));
    const emptied = placeSegments(first, [], null);
    expect(emptied.latest).toBe(100);
    const next = placeSegments(emptied, [], file("current", "b", 5));
    expect(starts(next)).toEqual([100]);
    expect(next.latest).toBe(105);
  });

  it("goes on when the present file was emptied in place", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100));
    expect(starts(placeSegments(first, [], file("current", "a", 3)))).toEqual([100]);
  });

  it("states a hole when only the present file is there and it is another one", () => {
    const first = placeSegments(NOTHING, [], file("current", "7:1000", 100));
    const next = placeSegments(first, [], file("current", "7:2000", 200));
    expect(next.segments[0]!.start).toBeGreaterThan(100);
  });
});
