/** What the agent writes down, on a disk that is full. Needs root, to mount a small one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Journal } from "../journal/journal.ts";
import { createLog } from "../log.ts";
import { firstStatus } from "../power/server-status.ts";
import { readRecord, writeRecord } from "./record-file.ts";

let root: string;
let disk: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "catalyst-full-disk-"));
  disk = join(root, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
});
afterEach(() => {
  execFileSync("umount", ["-l", disk]);
  rmSync(root, { recursive: true, force: true });
});

function fill(): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "game-data"), Buffer.alloc(bavail * bsize));
  expect(statfsSync(disk).bavail).toBe(0);
}
const free = () => rmSync(join(disk, "game-data"));

it("a record keeps its last whole version, and no half one lies beside it", async () => {
  const file = join(disk, "records", "spec");
  await writeRecord(file, { n: 1 });
  fill();
  for (let n = 0; n < 3; n++) await expect(writeRecord(file, { n: "x".repeat(10_000) })).rejects.toThrow("ENOSPC");
  expect((await readRecord(file))?.value).toEqual({ n: 1 });
  expect(readdirSync(join(disk, "records")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  free();
  await writeRecord(file, { n: 2 });
  expect(await readRecord(file)).toEqual({ value: { n: 2 }, isPrevious: false });
});

it("the journal goes on from memory, is never glued together, and has every event when there is room again", async () => {
  const journal = await Journal.open(disk, createLog("silent"), () => 0);
  const commit = (n: number) =>
    journal.commit({ status: { ...firstStatus("a", 0), state: "running", reason: `${n} ${"x".repeat(500)}` } });
  await commit(1);
  fill();
  // More than the last block, which is there already, can take.
  for (let n = 2; n <= 20; n++) await commit(n);
  const onDisk = await Journal.open(disk, createLog("silent"), () => 0);
  expect(onDisk.lastSeq).toBeLessThan(20);
  await onDisk.close();
  expect(journal.lastSeq).toBe(20);
  free();
  await commit(21);
  await journal.close();
  const again = await Journal.open(disk, createLog("silent"), () => 0);
  expect(again.eventsAfter(0).map(({ seq }) => seq)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  expect(again.status("a")?.reason).toMatch(/^21 /);
  await again.close();
});
