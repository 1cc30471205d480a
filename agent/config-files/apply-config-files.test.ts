import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serverSpec } from "../testing/server-spec.ts";
import { applyConfigFiles } from "./apply-config-files.ts";

let folder: string;
let root: string;
const owner = { uid: process.getuid!(), gid: process.getgid!() };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-config-"));
  root = join(folder, "data");
  mkdirSync(root);
  writeFileSync(join(folder, "outside.properties"), "secret=1\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

const apply = (path: string, values: Record<string, string> = { port: "{{SERVER_PORT}}" }) =>
  applyConfigFiles(serverSpec({ configFiles: [{ path, parser: "properties", values }] }), root, owner, {
    SERVER_PORT: "7",
  });

test("a file is made with its folders, or edited keeping its mode, and nothing is left beside it", async () => {
  await apply("config/net/server.properties");
  const file = join(root, "config/net/server.properties");
  expect(readFileSync(file, "utf8")).toBe("port=7\n");
  writeFileSync(file, "port=1\nname=x\n");
  chmodSync(file, 0o640);
  await apply("config/net/server.properties");
  expect(readFileSync(file, "utf8")).toBe("port=7\nname=x\n");
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(join(root, "config/net"))).toEqual(["server.properties"]);
});

test.each(["../outside.properties", "a/../../outside.properties", "/", ""])(
  "a path that leaves the folder is refused: %j",
  async (path) => {
    await expect(apply(path)).rejects.toThrow("not a file in the server's folder");
  },
);

test("no link is followed, neither in place of the file nor of a folder", async () => {
  symlinkSync(join(folder, "outside.properties"), join(root, "file.properties"));
  symlinkSync(folder, join(root, "folder"));
  await expect(apply("file.properties")).rejects.toThrow("leads over a link");
  await expect(apply("folder/outside.properties")).rejects.toThrow("leads over a link");
  expect(readFileSync(join(folder, "outside.properties"), "utf8")).toBe("secret=1\n");
});

test("what is no plain file is refused at once", async () => {
  execFileSync("mkfifo", [join(root, "pipe")]);
  mkdirSync(join(root, "dir"));
  await expect(apply("pipe")).rejects.toThrow("not a file");
  await expect(apply("dir")).rejects.toThrow("not a file");
});

test("a variable that has no value is named", async () => {
  await expect(apply("a", { x: "{{NOPE}}" })).rejects.toThrow("NOPE");
});
