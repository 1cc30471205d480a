import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseCgroupMounts } from "./cgroup.ts";
import { readControllers } from "./cgroup-controllers.ts";
import { judgeCgroups } from "./cgroup-findings.ts";
import { limitArguments } from "./limits.ts";
import { ioWeightKind } from "./node-limits.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cgroups-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const V1 = ["memory", "cpu", "pids", "blkio"];
/** The kernel's own text about hierarchies whose files are in a test's folder. */
const mountinfo = (version: 1 | 2) =>
  version === 2
    ? `30 25 0:26 / ${folder} rw - cgroup2 cgroup2 rw\n`
    : V1.map((name, i) => `${30 + i} 25 0:${26 + i} / ${folder}/${name} rw - cgroup cgroup rw,${name}`).join("\n");

describe("whether disk access is weighted: the finding and the start say the same", () => {
  const rows: [string, 1 | 2, Record<string, string>, "bfq" | "iocost" | null][] = [
    ["v1, the old scheduler's file", 1, { "blkio/blkio.weight": "100" }, "bfq"],
    ["v1, only BFQ's own file, which nerdctl does not know", 1, { "blkio/blkio.bfq.weight": "100" }, null],
    ["v1, neither", 1, {}, null],
    ["v2, BFQ", 2, { "a.slice/io.bfq.weight": "100" }, "bfq"],
    [
      "v2, BFQ and costs: runc writes to BFQ's",
      2,
      { "a.slice/io.bfq.weight": "100", "a.slice/io.weight": "default 100", "io.cost.qos": "8:0 enable=1 ctrl=auto" },
      "bfq",
    ],
    [
      "v2, costs, on for one disk of two",
      2,
      { "a.slice/io.weight": "default 100", "io.cost.qos": "8:0 enable=0 ctrl=auto\n8:16 enable=1 ctrl=auto" },
      "iocost",
    ],
    ["v2, costs that are off", 2, { "a.slice/io.weight": "default 100", "io.cost.qos": "8:0 enable=0" }, null],
    ["v2, costs for no disk", 2, { "a.slice/io.weight": "default 100", "io.cost.qos": "" }, null],
    ["v2, a controller with neither", 2, { "a.slice/io.max": "" }, null],
  ];

  it.each(rows)("%s", async (_what, version, files, kind) => {
    const all = { "cgroup.controllers": "cpu io memory pids\n", ...files };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const text = mountinfo(version);
    const ioWeight = ioWeightKind(parseCgroupMounts(text));
    expect(ioWeight).toBe(kind);

    const finding = judgeCgroups(await readControllers(text)).find(({ id }) => id === "io-weight");
    expect(finding?.message).toContain(kind ? "can be weighted" : "cannot be weighted");
    const limits = { memoryMb: 64, memoryHeadroomMb: 0, swapMb: 0, cpuCores: 1, cpuPinning: null, pidsLimit: 9 };
    const args = limitArguments({ ...limits, ioWeight: 500 }, { cpus: [0], ioWeight });
    expect(args.includes("--blkio-weight")).toBe(kind !== null);
  });
});
