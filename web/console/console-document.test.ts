import { describe, expect, test } from "vitest";
import { ConsoleDocument } from "./console-document.ts";

/** A document of `abc`, a gap of ten bytes, `xyz`, starting at offset 100. */
function withGap() {
  const document = new ConsoleDocument(Number.POSITIVE_INFINITY);
  document.restart(100);
  document.append("abc", 103);
  document.appendGap(113, false);
  document.append("xyz", 116);
  return document;
}

describe("a console document", () => {
  test("joins what is appended, and keeps gaps apart", () => {
    const document = withGap();
    expect(document.text()).toBe("abcxyz");
    expect([document.start, document.end]).toEqual([100, 116]);
    expect(document.gaps).toEqual([{ kind: "gap", from: 103, to: 113, lost: false }]);
  });

  test("fills a gap piece by piece", () => {
    const document = withGap();
    document.fill(103, "0123", 107);
    expect(document.text()).toBe("abc0123xyz");
    expect(document.gaps).toEqual([{ kind: "gap", from: 107, to: 113, lost: false }]);
    document.fill(107, "456789", 113);
    expect(document.text()).toBe("abc0123456789xyz");
    expect(document.gaps).toEqual([]);
  });

  test("says which part of a gap is lost", () => {
    const document = withGap();
    document.markLost(103, 108);
    expect(document.gaps).toEqual([
      { kind: "gap", from: 103, to: 108, lost: true },
      { kind: "gap", from: 108, to: 113, lost: false },
    ]);
  });

  test("takes older text only where it belongs", () => {
    const document = withGap();
    expect(document.prepend("nope", 90, 94)).toBe(false);
    expect(document.prepend("older ", 94, 100)).toBe(true);
    expect(document.text()).toBe("older abcxyz");
    expect(document.start).toBe(94);
  });

  test("drops the oldest when it holds too much, and knows where it starts then", () => {
    const document = new ConsoleDocument(200_000);
    document.restart(0);
    for (let piece = 1; piece <= 10; piece++) document.append("x".repeat(50_000), piece * 50_000);
    document.trim();
    expect(document.text().length).toBeLessThanOrEqual(200_000);
    expect(document.start).toBe(500_000 - document.text().length);
  });
});
