import { describe, expect, it } from "vitest";
import { decodeConsoleEnvelope, encodeConsoleEnvelope, isConsoleEnvelope } from "./console-envelope.ts";

const live = { serverId: "survival", offset: 4096, bytes: 6, requestId: null, payload: '{"data":"a\\nb"}' };

describe("console envelope", () => {
  it("has the documented text form", () => {
    expect(encodeConsoleEnvelope(live)).toBe('C survival 4096 6 -\n{"data":"a\\nb"}');
    expect(encodeConsoleEnvelope({ ...live, requestId: "r-17" })).toBe('C survival 4096 6 r-17\n{"data":"a\\nb"}');
  });

  it("gives back what was put in, the payload untouched even with line ends in it", () => {
    for (const envelope of [live, { ...live, requestId: "r-1", payload: "x\ny\n" }, { ...live, payload: "" }]) {
      expect(decodeConsoleEnvelope(encodeConsoleEnvelope(envelope))).toEqual(envelope);
    }
  });

  it.each([
    "",
    "C",
    "C survival 1 2",
    "C survival 1 2 -",
    "C survival -1 2 -\n{}",
    "C survival 1.5 2 -\n{}",
    "C Survival 1 2 -\n{}",
    "C ../etc 1 2 -\n{}",
    "C survival 9007199254740991 1 -\n{}",
    `C ${"a".repeat(64)} 1 2 -\n{}`,
    `C survival 1 2 ${"r".repeat(300)}\n{}`,
  ])("refuses %j", (frame) => {
    expect(decodeConsoleEnvelope(frame)).toBeNull();
  });

  it("is told from JSON by its first characters", () => {
    expect(isConsoleEnvelope(encodeConsoleEnvelope(live))).toBe(true);
    expect(isConsoleEnvelope('{"type":"ping"}')).toBe(false);
  });
});
