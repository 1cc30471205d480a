import { describe, expect, it } from "vitest";
import { cpuListDefect, formatCpuList, normalCpuList, parseCpuList } from "./cpu-list.ts";

describe("a list of CPUs", () => {
  it.each([
    ["0", [0], "0"],
    ["0-1,3", [0, 1, 3], "0-1,3"],
    [" 3, 0-1 ", [0, 1, 3], "0-1,3"],
    ["1,0,2-3,2", [0, 1, 2, 3], "0-3"],
    ["7-7", [7], "7"],
  ])("%s is understood and written the one way", (text, cpus, normal) => {
    expect(cpuListDefect(text)).toBeNull();
    expect(parseCpuList(text)).toEqual(cpus);
    expect(normalCpuList(text)).toBe(normal);
  });

  it.each(["", ",", "a", "0-", "-1", "1-0", "0;1", "0-99999", "1024", "0 1", "0..3"])("%j is refused", (text) => {
    expect(cpuListDefect(text)).not.toBeNull();
  });

  it("is written without ranges of one", () => {
    expect(formatCpuList([])).toBe("");
    expect(formatCpuList([1, 2, 4, 6, 7, 8])).toBe("1-2,4,6-8");
  });
});
