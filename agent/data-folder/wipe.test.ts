import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { wipeDataFolder } from "./wipe.ts";

let folder: string;
let data: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-wipe-"));
  data = join(folder, "data");
  mkdirSync(data);
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(folder, "outside", "file"), "kept");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const left = () => readdirSync(data);

test("everything goes, whatever it is and however it is named, and the folder stays", async () => {
  mkdirSync(join(data, "a/b/c"), { recursive: true });
  writeFileSync(join(data, "a/b/c/file"), "x");
  writeFileSync(Buffer.concat([Buffer.from(`${data}/`), Buffer.from([0xff, 0xfe, 0x0a, 0x2d])]), "not UTF-8");
  execFileSync("mkfifo", [join(data, "pipe")]);
  mkdirSync(join(data, "locked"), { mode: 0o500 });
  await wipeDataFolder(data);
  expect(left()).toEqual([]);
  expect(existsSync(data)).toBe(true);
  await wipeDataFolder(data);
});

test("links are deleted, not followed", async () => {
  symlinkSync(join(folder, "outside"), join(data, "folder"));
  symlinkSync(join(folder, "outside", "file"), join(data, "file"));
  symlinkSync("nowhere", join(data, "broken"));
  await wipeDataFolder(data);
  expect(left()).toEqual([]);
  expect(readFileSync(join(folder, "outside", "file"), "utf8")).toBe("kept");
});

test("a folder nested deeper than any path can name is deleted", { timeout: 60_000 }, async () => {
  // Folders are put into new ones, from the inside out: no path is ever long meanwhile.
  const name = "d".repeat(200);
  mkdirSync(join(data, name));
  for (let depth = 0; depth < 300; depth++) {
    mkdirSync(join(data, "outer"));
    renameSync(join(data, name), join(data, "outer", name));
    renameSync(join(data, "outer"), join(data, name));
  }
  await wipeDataFolder(data);
  expect(left()).toEqual([]);
});

test("an abort ends it, and the next one finishes", async () => {
  for (let index = 0; index < 50; index++) writeFileSync(join(data, `f${index}`), "");
  await expect(wipeDataFolder(data, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  expect(left().length).toBe(50);
  await wipeDataFolder(data);
  expect(left()).toEqual([]);
});

test("a data folder that is a link is refused", async () => {
  rmSync(data, { recursive: true });
  symlinkSync(join(folder, "outside"), data);
  await expect(wipeDataFolder(data)).rejects.toThrow();
  expect(readFileSync(join(folder, "outside", "file"), "utf8")).toBe("kept");
});
