import { describe, expect, it } from "vitest";
import type { DiskState } from "../../protocol/frames/shared.ts";
import { diskStateWords, nextDiskState } from "./disk-state.ts";

describe("how full a disk is", () => {
  it.each<[DiskState, number, DiskState]>([
    ["ok", 0, "ok"],
    ["ok", 0.899, "ok"],
    ["ok", 0.9, "nearly_full"],
    ["ok", 0.995, "full"],
    ["ok", 2, "full"],
    ["nearly_full", 0.86, "nearly_full"],
    ["nearly_full", 0.849, "ok"],
    ["nearly_full", 0.994, "nearly_full"],
    ["nearly_full", 1, "full"],
    ["full", 0.98, "full"],
    ["full", 0.979, "nearly_full"],
    ["full", 0.5, "ok"],
  ])("%s at %d is %s", (before, share, after) => expect(nextDiskState(before, share)).toBe(after));

  it("does not flap: around each threshold a small change to and fro is one change at most", () => {
    for (const threshold of [0.85, 0.9, 0.98, 0.995]) {
      let state: DiskState = "ok";
      let changes = 0;
      for (let n = 0; n < 50; n++) {
        const next = nextDiskState(state, threshold + (n % 2 ? 0.004 : -0.004));
        if (next !== state) changes++;
        state = next;
      }
      expect(changes).toBeLessThanOrEqual(2);
    }
  });
});

describe("what the console says of it", () => {
  const use = { usedBytes: 95 * 2 ** 20, limitBytes: 100 * 2 ** 20 };
  it("is nothing while nothing changes", () => {
    for (const state of ["ok", "nearly_full", "full"] as const) {
      expect(diskStateWords(state, state, { ...use, kind: "hard" })).toBeNull();
    }
  });
  it("names the use and what follows, by the kind of limit", () => {
    expect(diskStateWords("ok", "nearly_full", { ...use, kind: "hard" })).toMatch(/nearly full: 95 of 100 MiB/);
    expect(diskStateWords("nearly_full", "full", { ...use, kind: "hard" })).toMatch(/Nothing more can be written/);
    expect(diskStateWords("ok", "full", { ...use, kind: "soft" })).toMatch(/cannot be started again/);
    expect(diskStateWords("full", "nearly_full", { ...use, kind: "hard" })).toMatch(/takes files again/);
    expect(diskStateWords("full", "ok", { ...use, kind: "hard" })).toMatch(/room .* again/);
  });
});
