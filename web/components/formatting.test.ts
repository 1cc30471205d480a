import { describe, expect, test } from "vitest";
import { formatBytes, formatCores, formatDuration, formatMb, formatPercent, formatRelative } from "./formatting.ts";

describe("figures read as people write them", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [150 * 1024 * 1024, "150 MiB"],
    [1.25 * 1024 ** 4, "1.3 TiB"],
    [5000 * 1024 ** 4, "5000 TiB"],
  ])("%d bytes", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test("MiB, percent and cores", () => {
    expect(formatMb(2048)).toBe("2 GiB");
    expect(formatPercent(3.06)).toBe("3.1 %");
    expect(formatPercent(249.6)).toBe("250 %");
    expect(formatCores(1)).toBe("1 core");
    expect(formatCores(0.25)).toBe("0.25 cores");
  });

  test.each([
    [0, "0 s"],
    [65_000, "1 min 5 s"],
    [3_600_000, "1 h"],
    [90_061_000, "1 d 1 h"],
  ])("%d ms", (ms, text) => expect(formatDuration(ms)).toBe(text));

  test("moments are told from now", () => {
    const now = Date.parse("2026-01-02T00:00:00Z");
    expect(formatRelative("2026-01-01T23:59:50Z", now)).toBe("just now");
    expect(formatRelative("2026-01-01T23:55:00Z", now)).toBe("5 minutes ago");
    expect(formatRelative("2026-01-02T02:00:00Z", now)).toBe("in 2 hours");
    expect(formatRelative("2026-01-01T00:00:00Z", now)).toBe("yesterday");
  });
});
