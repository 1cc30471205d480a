import { expect, test } from "vitest";
import { elapsedWords } from "./elapsed-words.ts";

test.each([
  [-5_000, "0 s"],
  [8_900, "8 s"],
  [185_000, "3 min 05 s"],
  [3_599_000, "59 min 59 s"],
  [3_720_000, "1 h 02 min"],
])("%i ms is %s", (ms, words) => {
  expect(elapsedWords(ms)).toBe(words);
});
