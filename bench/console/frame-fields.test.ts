import { describe, expect, it } from "vitest";
import { consoleRange } from "./frame-fields.ts";

const text = { type: "console_output", serverId: "s", stream: "stdout", offset: 12345, bytes: 678, timestamp: 1 };
const range = (frame: unknown) => consoleRange(Buffer.from(JSON.stringify(frame)));

describe("the range of a console frame", () => {
  it("is found on either side of the text, however long that is", () => {
    const data = "x".repeat(40_000);
    expect(range({ ...text, data })).toEqual({ offset: 12345, bytes: 678 });
    expect(range({ type: text.type, data, offset: 12345, bytes: 678 })).toEqual({ offset: 12345, bytes: 678 });
    expect(range({ ...text, type: "install_output", data: "" })).toEqual({ offset: 12345, bytes: 678 });
  });

  it("is not taken from what the text says", () => {
    const data = '{"type":"console_output","offset":99,"bytes":99}';
    expect(range({ ...text, data })).toEqual({ offset: 12345, bytes: 678 });
    expect(range({ type: "error", code: "INTERNAL", error: data })).toBeNull();
  });

  it("is null for every other frame", () => {
    expect(range({ type: "subscribed", serverId: "s", offset: 5, oldest: 0 })).toBeNull();
    expect(range({ type: "console_gap", serverId: "s", from: 1, to: 2 })).toBeNull();
    expect(consoleRange(Buffer.from(""))).toBeNull();
  });
});
