import { expect, test } from "vitest";
import { readyMatcher } from "./ready-pattern.ts";

/** Whether the pattern is found when the text comes in chunks of `size` bytes. */
function finds(pattern: string, text: string, size: number): boolean {
  const matcher = readyMatcher(pattern)!;
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) if (matcher.push(bytes.subarray(at, at + size))) return true;
  return false;
}

const LOG = 'Starting…\n\u001b[32mDone\u001b[0m (3.2s)! For help, type "help"\r\nünïcode ready> ';

test.each([1, 2, 3, 7, 1000])("patterns are found across borders of chunks of %i bytes", (size) => {
  expect(finds("For help", LOG, size)).toBe(true);
  expect(finds("ünïcode ready>", LOG, size)).toBe(true);
  expect(finds("/^Done \\([0-9.]+s\\)! For help/", LOG, size)).toBe(true);
  expect(finds('/help"$/', LOG, size)).toBe(true);
  expect(finds("/DONE/i", LOG, size)).toBe(true);
  expect(finds("never said", LOG, size)).toBe(false);
  expect(finds("/^For help/", LOG, size)).toBe(false);
});

test("no pattern, no matcher; a broken expression is looked for as text", () => {
  expect(readyMatcher("")).toBeNull();
  expect(finds("/(/", "a /(/ b", 2)).toBe(true);
});

test("an endless line is tried up to a length and costs no memory", () => {
  const matcher = readyMatcher("/x$/")!;
  for (let n = 0; n < 200; n++) expect(matcher.push(Buffer.alloc(65_536, "a"))).toBe(false);
  expect(matcher.push(Buffer.from("\nx\n"))).toBe(true);
});
