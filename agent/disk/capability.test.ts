import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkDiskLimits, limitFinding, overcommitFinding, promisedBytes, softLimitCause } from "./capability.ts";

const ABLE = { isRoot: true, hasLoopControl: true, knowsExt4: true, mountsForAll: true, missingPrograms: [] };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-capability-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

it("finds nothing wrong with a node that can", () => {
  expect(softLimitCause(ABLE)).toBeNull();
  expect(limitFinding(ABLE)).toMatchObject({ level: "ok", id: "disk-limits" });
});

it.each([
  [{ isRoot: false }, /root/],
  [{ hasLoopControl: false }, /loop/],
  [{ knowsExt4: false }, /ext4/],
  [{ mountsForAll: false }, /mounts of its own/],
  [{ missingPrograms: ["mkfs.ext4"] }, /mkfs.ext4 is not installed/],
  [{ missingPrograms: ["losetup", "e2fsck"] }, /losetup, e2fsck are not installed/],
])("says what is missing and what to do: %j", (lack, words) => {
  const finding = limitFinding({ ...ABLE, ...lack });
  expect(finding).toMatchObject({ level: "warning", message: expect.stringMatching(words) });
  expect(finding.message).toMatch(/soft/);
  expect(finding.remedy).not.toBe("");
});

it("warns when the images promise more than the node has", async () => {
  mkdirSync(join(folder, "servers", "a"), { recursive: true });
  mkdirSync(join(folder, "servers", "plain"));
  expect(await promisedBytes(folder)).toBe(0);
  const image = join(folder, "servers", "a", "disk.img");
  writeFileSync(image, Buffer.alloc(1024 * 1024, 1));
  truncateSync(image, 2 ** 40);
  expect(await promisedBytes(folder)).toBe(2 ** 40 - 1024 * 1024);
  const findings = await checkDiskLimits(folder, "nerdctl");
  expect(findings.find(({ id }) => id === "disk-promised")).toMatchObject({
    level: "warning",
    message: expect.stringMatching(/may still grow by 1024\.0 GiB/),
  });
  expect(overcommitFinding(10, 10)).toBeNull();
});

it("has a finding before there is any data folder, and names the limits of processes soft", async () => {
  expect((await checkDiskLimits(join(folder, "none"), "nerdctl")).map(({ id }) => id)).toEqual(["disk-limits"]);
  const [finding] = await checkDiskLimits(folder, "process");
  expect(finding).toMatchObject({ level: "warning", message: expect.stringMatching(/soft/) });
});
