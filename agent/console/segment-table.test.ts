import { describe, expect, it } from "vitest";
import { type KnownSegments, placeSegments, type SegmentFile } from "./segment-table.ts";

const NOTHING: KnownSegments = { segments: [], latest: 0 };

function file(name: string, identity: string, sizeBytes: number, modifiedMs = 0): SegmentFile {
  return { name, identity, sizeBytes, modifiedMs };
}

const label = (n: number) => `@4000000000000000${n.toString(16).padStart(8, "0")}.s`;
const stated = (start: number) => `@${start.toString(16).padStart(16, "0")}.s`;
const starts = (known: KnownSegments) => known.segments.map((segment) => segment.start);

describe("placing console segments", () => {
  it("counts on over a rotation that was seen", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100), null);
    const second = placeSegments(first, [file(label(1), "a", 120)], file("current", "b", 30), null);
    expect(starts(second)).toEqual([0, 120]);
    expect(second.latest).toBe(150);
  });

  it("counts several rotations that nobody saw, in the order of their names", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 10), null);
    const rotated = [file(label(3), "c", 50), file(label(1), "a", 100), file(label(2), "b", 70)];
    expect(starts(placeSegments(first, rotated, file("current", "d", 5), null))).toEqual([0, 100, 170, 220]);
  });

  it("keeps known places when the clock went backwards between rotations", () => {
    const first = placeSegments(NOTHING, [file(label(9), "a", 100)], file("current", "b", 10), null);
    const next = placeSegments(
      first,
      [file(label(9), "a", 100), file(label(2), "b", 40)],
      file("current", "c", 1),
      null,
    );
    expect(starts(next)).toEqual([0, 100, 140]);
  });

  it("states a hole when the file that was written to is gone, and never goes backwards", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100), null);
    const next = placeSegments(first, [file(label(7), "x", 10)], file("current", "y", 5), null);
    expect(next.segments[0]!.start).toBeGreaterThan(100);
    expect(next.latest).toBe(next.segments[0]!.start + 15);
  });

  it("knows the exact hole when the name states the start", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100), null);
    const next = placeSegments(first, [file(stated(5000), "x", 10)], file("current", "y", 5), null);
    expect(starts(next)).toEqual([5000, 5010]);
  });

  it("finds all offsets again from stated names when the index is lost", () => {
    const files = [file(stated(300), "b", 50), file(stated(100), "a", 200)];
    expect(starts(placeSegments(NOTHING, files, file("current", "c", 5), null))).toEqual([100, 300, 350]);
  });

  it("goes on after the last known offset when the folder was emptied", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100), null);
    const emptied = placeSegments(first, [], null, null);
    expect(emptied.latest).toBe(100);
    const next = placeSegments(emptied, [], file("current", "b", 5), null);
    expect(starts(next)).toEqual([100]);
    expect(next.latest).toBe(105);
  });

  it("goes on when a file was emptied in place, with and without a stated base", () => {
    const first = placeSegments(NOTHING, [], file("current", "a", 100), null);
    expect(starts(placeSegments(first, [], file("current", "a", 3), null))).toEqual([100]);
    expect(starts(placeSegments(first, [], file("current", "a", 3), 140))).toEqual([140]);
  });

  it("takes a file for another one when only its inode's number came back", () => {
    const first = placeSegments(NOTHING, [], file("current", "7:1000", 100), null);
    const next = placeSegments(first, [], file("current", "7:2000", 200), null);
    expect(next.segments[0]!.start).toBeGreaterThan(100);
  });
});
