import { describe, expect, it } from "vitest";
import { serverSpec } from "../../testing/server-spec.ts";
import { limitArguments, liveChanges, memoryDefect, type NodeLimits, pinningDefect } from "./limits.ts";

const MB = 1024 * 1024;
const node: NodeLimits = { cpus: [0, 1, 2, 3], ioWeight: null };
const spec = serverSpec({ memoryMb: 2048, cpuCores: 1.5, pidsLimit: 300 });

describe("the limits of a new container", () => {
  it("are memory, CPU time and processes, and no swap", () => {
    expect(limitArguments(spec, node).join(" ")).toBe(
      "--memory 2048m --memory-swap 2048m --cpu-period 100000 --cpu-quota 150000 --pids-limit 300",
    );
  });

  it("give head-room on top of the memory, and swap on top of both", () => {
    const args = limitArguments({ ...spec, memoryHeadroomMb: 308, swapMb: 512 }, node).join(" ");
    expect(args).toContain("--memory 2356m --memory-swap 2868m");
  });

  it("are never less CPU time than the kernel takes", () => {
    expect(limitArguments({ ...spec, cpuCores: 0.001 }, node).join(" ")).toContain("--cpu-quota 1000 ");
  });

  it("pin to CPUs that are there, and say in words which are not", () => {
    expect(limitArguments({ ...spec, cpuPinning: "1-2" }, node).join(" ")).toContain("--cpuset-cpus 1-2");
    expect(() => limitArguments({ ...spec, cpuPinning: "3-5" }, node)).toThrow(
      "The server is pinned to the CPUs 4-5, but this node has 0-3.",
    );
    expect(pinningDefect("7", node)).toBe("The server is pinned to CPU 7, but this node has 0-3.");
  });

  it("weigh I/O as the kernel does, and not at all where it does not", () => {
    const weighed = { ...spec, ioWeight: 100 };
    expect(limitArguments(weighed, node).join(" ")).not.toContain("--blkio-weight");
    expect(limitArguments(weighed, { ...node, ioWeight: "bfq" }).join(" ")).toContain("--blkio-weight 100");
    // runc makes 1 + (20 - 10) * 9999 / 990 = 102 of it.
    expect(limitArguments(weighed, { ...node, ioWeight: "iocost" }).join(" ")).toContain("--blkio-weight 20");
    expect(limitArguments({ ...spec, ioWeight: 1000 }, { ...node, ioWeight: "iocost" }).join(" ")).toContain(
      "--blkio-weight 109",
    );
  });
});

describe("changing the limits of a running container", () => {
  it("names every CPU when a pinning is given up, because an empty list changes nothing", () => {
    const { groups } = liveChanges(spec, node, null);
    expect(groups.flatMap((group) => group.arguments).join(" ")).toContain("--cpuset-cpus 0-3");
  });

  it("keeps the memory limit while the game uses too much of it, and changes the rest", () => {
    const use = { limitBytes: 4096 * MB, usedBytes: 2000 * MB };
    const { groups, kept } = liveChanges(spec, node, use);
    expect(kept.map(({ field }) => field)).toEqual(["allocatedMemoryMb", "memoryHeadroomMb", "swapMb"]);
    expect(kept[0]!.reason).toBe("The server uses 2000 MiB now, too much for a limit of 2048 MiB.");
    const args = groups.flatMap((group) => group.arguments);
    expect(args).not.toContain("--memory");
    expect(args).toContain("--pids-limit");
  });

  it("lowers it when the game has room, and always raises it", () => {
    expect(memoryDefect(spec, { limitBytes: 4096 * MB, usedBytes: 1900 * MB })).toBeNull();
    expect(memoryDefect(spec, { limitBytes: 1024 * MB, usedBytes: 1023 * MB })).toBeNull();
  });

  it("keeps a pinning to CPUs that are not there", () => {
    const { kept } = liveChanges({ ...spec, cpuPinning: "9" }, node, null);
    expect(kept).toEqual([{ field: "cpuPinning", reason: "The server is pinned to CPU 9, but this node has 0-3." }]);
  });
});
