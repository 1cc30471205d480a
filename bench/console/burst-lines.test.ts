import { describe, expect, it } from "vitest";
import { BURST_LINE_BYTES, burstLine, burstText, judgeBurst } from "./burst-lines.ts";

describe("a burst", () => {
  it("has lines of 114 bytes, each told apart by its number", () => {
    expect(Buffer.byteLength(burstLine(0))).toBe(BURST_LINE_BYTES);
    expect(Buffer.byteLength(burstLine(49_999))).toBe(BURST_LINE_BYTES);
    expect(burstText(3, 6)).toBe(burstLine(3) + burstLine(4) + burstLine(5));
  });

  it("that arrived whole is found without fault", () => {
    expect(judgeBurst(burstText(0, 500), 500)).toEqual({ lost: 0, torn: 0, outOfOrder: 0 });
  });

  it("that lost a line says so", () => {
    expect(judgeBurst(burstText(0, 5) + burstText(6, 10), 10)).toEqual({ lost: 1, torn: 0, outOfOrder: 0 });
    expect(judgeBurst("", 10).lost).toBe(10);
  });

  it("that has a line cut in two counts both pieces, and the line as lost", () => {
    const line = burstLine(5);
    const text = `${burstText(0, 5)}${line.slice(0, 40)}\n${line.slice(40)}${burstText(6, 10)}`;
    expect(judgeBurst(text, 10)).toEqual({ lost: 1, torn: 2, outOfOrder: 0 });
  });

  it("that has two lines exchanged, or one twice, is out of order", () => {
    expect(judgeBurst(burstLine(1) + burstLine(0) + burstLine(2), 3).outOfOrder).toBe(1);
    expect(judgeBurst(burstLine(0) + burstLine(0) + burstLine(1), 2).outOfOrder).toBe(1);
  });

  it("that ends inside a line is torn there", () => {
    expect(judgeBurst(burstText(0, 3).slice(0, -1), 3)).toEqual({ lost: 0, torn: 1, outOfOrder: 0 });
  });
});
