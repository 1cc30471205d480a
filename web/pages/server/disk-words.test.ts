import { expect, it } from "vitest";
import { diskTrouble, limitWords } from "./disk-words.ts";

const MB = 1024 * 1024;
const figures = { diskBytes: 96 * MB, diskLimitBytes: 100 * MB };

it("says nothing of a disk with room, nor of an older node that tells nothing", () => {
  expect(diskTrouble({ ...figures, diskLimitKind: "hard", diskState: "ok" })).toBeNull();
  expect(diskTrouble(figures)).toBeNull();
  expect(limitWords("1 GiB", {})).toBe("of 1 GiB");
});

it("says what a full disk means, by the kind of its limit, and how much is used", () => {
  const hard = diskTrouble({ ...figures, diskLimitKind: "hard", diskState: "full" });
  expect(hard).toEqual({ text: expect.stringMatching(/ full: 96 MiB of 100 MiB .* be written until/), tone: "danger" });
  const soft = diskTrouble({ ...figures, diskLimitKind: "soft", diskState: "full" });
  expect(soft).toEqual({ text: expect.stringMatching(/ over its limit: .* started again until/), tone: "danger" });
  expect(diskTrouble({ ...figures, diskLimitKind: "hard", diskState: "nearly_full" })).toEqual({
    text: "The disk is nearly full: 96 MiB of 100 MiB are used.",
    tone: "warning",
  });
});

it("names a soft limit", () => {
  expect(limitWords("1 GiB", { diskLimitKind: "soft" })).toBe("of 1 GiB, soft limit");
});
