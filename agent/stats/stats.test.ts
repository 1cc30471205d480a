import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { healthReportSchema } from "../../protocol/frames/shared.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { DiskUsage } from "./disk-usage.ts";
import { LiveReports } from "./live-reports.ts";
import { NodeHealth } from "./node-health.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-stats-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a node's health is plausible and fits the protocol", async () => {
  const report = healthReportSchema.parse(await new NodeHealth("node-1", folder).report(3));
  expect(report).toMatchObject({ nodeId: "node-1", containerCount: 3 });
  expect(report.memoryUsageMb).toBeGreaterThan(0);
  expect(report.memoryUsageMb).toBeLessThan(report.memoryTotalMb);
  expect(report.diskTotalMb).toBeGreaterThanOrEqual(report.diskUsageMb);
  expect(report.cpuPercent).toBeLessThanOrEqual(100);
});

test("disk use counts blocks below the folder, not what links point to", async () => {
  writeFileSync(join(folder, "a"), Buffer.alloc(1_000_000, 1));
  symlinkSync("/", join(folder, "root"));
  const bytes = await new DiskUsage().of(folder);
  expect(bytes).toBeGreaterThanOrEqual(1_000_000);
  expect(bytes).toBeLessThan(1_200_000);
});

test("disk use is not counted anew at each look, and a missing folder takes nothing", async () => {
  const usage = new DiskUsage();
  const first = await usage.of(folder);
  writeFileSync(join(folder, "a"), Buffer.alloc(1_000_000, 1));
  expect(await usage.of(folder)).toBe(first);
  usage.forget(folder);
  expect(await usage.of(folder)).toBeGreaterThan(first);
  expect(await usage.of(join(folder, "missing"))).toBe(0);
});

test("reports are sent at once to a new watcher, and end with the last one", async () => {
  const sent: string[] = [];
  const reports = new LiveReports({
    sendStats: async (id) => void sent.push(id),
    sendHealth: async () => void sent.push("health"),
    onError: () => undefined,
  });
  reports.watch(["a", "a"], true);
  await waitUntil("the first reports", () => sent.length === 2);
  expect(sent).toEqual(["health", "a"]);
  reports.watch(["a", "b"], false);
  await waitUntil("the new watcher's report", () => sent.includes("b"));
  reports.watch([], false);
  const timers = process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
  reports.watch(["a"], false);
  expect(process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length).toBe(timers + 1);
  reports.stop();
  expect(process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length).toBe(timers);
});
