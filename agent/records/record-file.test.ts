import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomic } from "./atomic-file.ts";
import { readRecord, writeRecord } from "./record-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-records-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const file = () => join(folder, "record");

test("a record comes back as it was written, and only its owner can read it", async () => {
  await writeRecord(file(), { n: 1, text: "line\nbreak" });
  expect(await readRecord(file())).toEqual({ value: { n: 1, text: "line\nbreak" }, isPrevious: false });
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

test("no record is told from a damaged one", async () => {
  expect(await readRecord(file())).toBeNull();
  writeFileSync(file(), "torn");
  expect(await readRecord(file())).toBeNull();
});

test("torn at any byte, the version before is read instead", async () => {
  await writeRecord(file(), { n: 1 });
  await writeRecord(file(), { n: 2 });
  const whole = readFileSync(file());
  for (let size = 0; size < whole.length; size++) {
    writeFileSync(file(), whole.subarray(0, size));
    expect(await readRecord(file())).toEqual({ value: { n: 1 }, isPrevious: true });
  }
});

test("a damaged record does not become the previous version", async () => {
  await writeRecord(file(), { n: 1 });
  await writeRecord(file(), { n: 2 });
  writeFileSync(file(), "torn");
  await writeRecord(file(), { n: 3 });
  writeFileSync(file(), "torn");
  expect(await readRecord(file())).toEqual({ value: { n: 1 }, isPrevious: true });
});

test("writing leaves nothing beside the file", async () => {
  await writeFileAtomic(file(), "a");
  await writeFileAtomic(file(), "b");
  expect(readdirSync(folder)).toEqual(["record"]);
  expect(readFileSync(file(), "utf8")).toBe("b");
});
