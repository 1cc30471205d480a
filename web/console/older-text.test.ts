import { describe, expect, test } from "vitest";
import { fromFirstLine } from "./older-text.ts";

const reply = (from: number, to: number, data: string) => ({ from, to, data, oldest: 0, latest: 1_000 });

describe("older text put in front", () => {
  test("begins with a whole line", () => {
    expect(fromFirstLine(reply(100, 112, "é old\nline\n"), 112, 0)).toEqual({ text: "line\n", from: 107 });
  });

  test("is whole where the log begins", () => {
    expect(fromFirstLine(reply(100, 111, "first\nline\n"), 111, 100)).toEqual({ text: "first\nline\n", from: 100 });
  });

  test("is whole when it is one long line, or when its bytes cannot be counted", () => {
    expect(fromFirstLine(reply(10, 14, "long"), 14, 0)).toEqual({ text: "long", from: 10 });
    expect(fromFirstLine(reply(10, 14, "\uFFFDa\nb"), 14, 0)).toEqual({ text: "\uFFFDa\nb", from: 10 });
  });

  test("ends where the shown text starts", () => {
    expect(fromFirstLine(reply(10, 16, "a\nb\nc\n"), 14, 10)).toEqual({ text: "a\nb\n", from: 10 });
    expect(fromFirstLine(reply(10, 12, "a\n"), 14, 10)).toBeNull();
    expect(fromFirstLine(reply(14, 14, ""), 14, 0)).toBeNull();
  });
});
