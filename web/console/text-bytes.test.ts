import { expect, test } from "vitest";
import { sliceByBytes } from "./text-bytes.ts";

const length = (text: string) => new TextEncoder().encode(text).length;

test("text is cut by bytes, not by characters", () => {
  const text = "aé€😀z";
  expect(length(text)).toBe(11);
  expect(sliceByBytes(text, 11, 0, 11)).toBe(text);
  expect(sliceByBytes(text, 11, 1, 3)).toBe("é");
  expect(sliceByBytes(text, 11, 6, 11)).toBe("😀z");
  expect(sliceByBytes(text, 11, 3, 6)).toBe("€");
});

test("a cut inside a character is refused", () => {
  expect(sliceByBytes("aé", 3, 2, 3)).toBeNull();
  expect(sliceByBytes("a😀", 5, 0, 3)).toBeNull();
});

test("text whose bytes are not known exactly is only taken whole", () => {
  expect(sliceByBytes("a\uFFFDb", 3, 0, 3)).toBe("a\uFFFDb");
  expect(sliceByBytes("a\uFFFDb", 3, 1, 3)).toBeNull();
  expect(sliceByBytes("abc", 4, 1, 4)).toBeNull();
});
