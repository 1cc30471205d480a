import { describe, expect, it } from "vitest";
import { decodeConsoleEnvelope } from "../../protocol/console-envelope.ts";
import { consoleOutputSchema } from "../../protocol/frames/hub-to-client.ts";
import { CONSOLE_FRAME_MAX_BYTES } from "../../protocol/limits.ts";
import { characterEnd, displayStart, encodeTextFrame, frameEnd } from "./text-frames.ts";

/** Cuts everything; what cannot be sent at the end (the beginning of a character) goes as it is. */
function cutAll(bytes: Buffer, maxBytes: number): Buffer[] {
  const frames: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    let end = frameEnd(bytes, start, maxBytes, true);
    if (end === start) end = bytes.length;
    frames.push(bytes.subarray(start, end));
    start = end;
  }
  return frames;
}

/** Reproducible pseudo-random numbers (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe("cutting console bytes into frames", () => {
  it("cuts after the last line end that fits", () => {
    const bytes = Buffer.from("one\ntwo\nthree\n");
    expect(frameEnd(bytes, 0, 9, false)).toBe(8);
    expect(frameEnd(bytes, 8, 9, false)).toBe(14);
  });

  it("holds an unfinished line back until it may go", () => {
    const bytes = Buffer.from("done\nprompt> ");
    expect(frameEnd(bytes, 0, 100, false)).toBe(5);
    expect(frameEnd(bytes, 5, 100, false)).toBe(5);
    expect(frameEnd(bytes, 5, 100, true)).toBe(13);
  });

  it("cuts a line longer than a frame between characters", () => {
    const bytes = Buffer.from("é".repeat(10));
    expect(frameEnd(bytes, 0, 7, false)).toBe(6);
  });

  it("does not part CR from LF in a long line", () => {
    const bytes = Buffer.from("abcdefg\r\nrest of it");
    expect(frameEnd(bytes, 0, 8, false)).toBe(7);
  });

  it.each([
    ["two bytes", Buffer.from([0x61, 0xc3]), 1],
    ["three bytes, one missing", Buffer.from([0xe2, 0x82]), 0],
    ["four bytes, one missing", Buffer.from([0x61, 0xf0, 0x9f, 0x98]), 1],
    ["a whole character", Buffer.from("€"), 3],
    ["stray continuation bytes", Buffer.from([0x80, 0x80, 0x80]), 3],
    ["an impossible lead byte", Buffer.from([0x61, 0xff]), 2],
    ["a surrogate half", Buffer.from([0xed, 0xa0]), 2],
    ["an overlong form", Buffer.from([0xe0, 0x80]), 2],
  ])("finds the last whole character: %s", (_name, bytes, expected) => {
    expect(characterEnd(bytes, 0, bytes.length)).toBe(expected);
  });

  it("joins to the text of the whole, whatever the bytes and the frame size", () => {
    const next = random(7);
    const alphabet = ["a", "\n", "\r\n", "é", "€", "😀", "\0", "\x1b[31m"].map((text) => Buffer.from(text));
    for (let round = 0; round < 400; round++) {
      const parts: Buffer[] = [];
      const count = 1 + Math.floor(next() * 60);
      for (let i = 0; i < count; i++) {
        const isNoise = next() < 0.3;
        parts.push(isNoise ? Buffer.from([Math.floor(next() * 256)]) : alphabet[Math.floor(next() * 8)]!);
      }
      const bytes = Buffer.concat(parts);
      const frames = cutAll(bytes, 4 + Math.floor(next() * 20));
      expect(Buffer.concat(frames)).toEqual(bytes);
      expect(frames.map((frame) => frame.toString("utf8")).join("")).toBe(bytes.toString("utf8"));
    }
  });

  it("begins text found at an arbitrary place at a line or a character", () => {
    expect(displayStart(Buffer.from("half\nwhole\n"), 100)).toBe(5);
    expect(displayStart(Buffer.from("€uro").subarray(1), 100)).toBe(2);
    expect(displayStart(Buffer.from("x".repeat(50)), 10)).toBe(0);
    // A piece shorter than its last line is not skipped whole.
    expect(displayStart(Buffer.from("end of a long line\n"), 100)).toBe(0);
  });
});

describe("a console frame", () => {
  it("is an envelope around a valid client frame, counting bytes of the log", () => {
    const bytes = Buffer.from([0x68, 0x69, 0xff, 0x00, 0x0a]);
    const frame = { type: "console_output", serverId: "s1", offset: 70, bytes, requestId: null, timestamp: 5 } as const;
    const envelope = decodeConsoleEnvelope(encodeTextFrame(frame))!;
    expect(envelope).toMatchObject({ serverId: "s1", offset: 70, bytes: 5, requestId: null });
    const output = consoleOutputSchema.parse(JSON.parse(envelope.payload));
    expect(output).toMatchObject({ data: "hi\uFFFD\0\n", offset: 70, bytes: 5 });
  });

  it("of the largest size and the worst escaping stays under the hub's limit", () => {
    const bytes = Buffer.alloc(CONSOLE_FRAME_MAX_BYTES, 0);
    const frame = encodeTextFrame({
      type: "install_output",
      serverId: "s1",
      offset: 0,
      bytes,
      requestId: "r-1",
      timestamp: 0,
    });
    expect(frame.length).toBeLessThan(256 * 1024);
  });
});
