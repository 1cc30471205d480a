import { expect, it } from "vitest";
import { diskWords, limitWords } from "./disk-words.ts";

it("says nothing of a disk with room, nor of an older node that tells nothing", () => {
  expect(diskWords({ diskLimitKind: "hard", diskState: "ok", diskNotice: null })).toEqual([]);
  expect(diskWords({})).toEqual([]);
  expect(limitWords("1 GiB", {})).toBe("of 1 GiB");
});

it("says what a full disk means, by the kind of its limit", () => {
  const [hard] = diskWords({ diskLimitKind: "hard", diskState: "full" });
  expect(hard).toEqual({ text: expect.stringMatching(/^Full\. Nothing more can be written/), tone: "danger" });
  const [soft] = diskWords({ diskLimitKind: "soft", diskState: "full" });
  expect(soft).toEqual({ text: expect.stringMatching(/^Over its limit\. .* started again/), tone: "danger" });
  expect(diskWords({ diskLimitKind: "hard", diskState: "nearly_full" })).toMatchObject([{ tone: "warning" }]);
});

it("shows the node's notice below, and names a soft limit", () => {
  const stats = { diskLimitKind: "soft", diskState: "nearly_full", diskNotice: "It waits." } as const;
  expect(diskWords(stats).map(({ text }) => text)).toEqual(["Nearly full", "It waits."]);
  expect(limitWords("1 GiB", stats)).toBe("of 1 GiB, soft limit");
});
