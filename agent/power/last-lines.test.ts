import { expect, test } from "vitest";
import { CRASH_LINES_MAX, CRASH_TEXT_MAX_BYTES } from "../../protocol/limits.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import { lastLines, readLastLines } from "./last-lines.ts";

/** A log that holds `text` and grows by `later` when it is looked at the second time. */
function logOf(text: string, later = ""): ConsoleLog {
  let bytes = Buffer.from(text);
  let looks = 0;
  return {
    bounds: async () => {
      if (++looks === 2) bytes = Buffer.concat([bytes, Buffer.from(later)]);
      return { oldest: 0, latest: bytes.length };
    },
    read: async (from, maxBytes) => ({ offset: from, bytes: bytes.subarray(from, from + maxBytes) }),
    follow: () => () => undefined,
    close: async () => undefined,
  };
}

test("the newest lines are kept, so many and no more", () => {
  const lines = Array.from({ length: CRASH_LINES_MAX + 5 }, (_, index) => `line ${index}`);
  expect(lastLines(`${lines.join("\n")}\n`)).toBe(lines.slice(5).join("\n"));
  expect(lastLines("")).toBe("");
});

test("a long text is cut to the size at a character, whatever its bytes", () => {
  for (const letter of ["x", "\u00e9", "\u20ac", "\u{1f600}"]) {
    for (let shift = 0; shift < 4; shift++) {
      const text = lastLines(letter.repeat(CRASH_TEXT_MAX_BYTES) + "y".repeat(shift));
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(CRASH_TEXT_MAX_BYTES);
      expect(Buffer.byteLength(text)).toBeGreaterThan(CRASH_TEXT_MAX_BYTES - 4);
      expect(text).not.toContain("\ufffd");
    }
  }
});

test("only the crashed run's own text is told", async () => {
  const before = "an earlier run\n";
  expect(await readLastLines(logOf(`${before}boom\n`), before.length)).toBe("boom");
  expect(await readLastLines(logOf(before), before.length)).toBe("");
});

test("of a long run only whole lines at its end are told", async () => {
  const text = await readLastLines(logOf(`${"x".repeat(200)}\n`.repeat(500)), 0);
  expect(new Set(text.split("\n"))).toEqual(new Set(["x".repeat(200)]));
  expect(text.length).toBeLessThanOrEqual(CRASH_TEXT_MAX_BYTES);
});

test("what the logger writes a moment after the end is waited for", async () => {
  expect(await readLastLines(logOf("starting\n", "Segmentation fault\n"), 0)).toBe("starting\nSegmentation fault");
});
