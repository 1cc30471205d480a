import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ConfigFile } from "../../protocol/template.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { waitUntil } from "../testing/wait-until.ts";
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

async function refused(path: string, reason: string, values?: Record<string, string>) {
  expect((await apply(path, values)).map((defect) => [defect.path, defect.reason])).toEqual([
    [path, expect.stringContaining(reason)],
  ]);
}

test.each(["../outside.properties", "a/../../outside.properties", "/", ""])(
  "a path that leaves the folder is refused: %j",
  (path) => refused(path, "not a file in the server's folder"),
);

test("no link is followed, neither in place of the file nor of a folder", async () => {
  symlinkSync(join(folder, "outside.properties"), join(root, "file.properties"));
  symlinkSync(folder, join(root, "folder"));
  await refused("file.properties", "a link");
  await refused("folder/outside.properties", "a link");
  expect(readFileSync(join(folder, "outside.properties"), "utf8")).toBe("secret=1\n");
});

test("what is no plain file, or far too large, is refused at once", async () => {
  execFileSync("mkfifo", [join(root, "pipe")]);
  mkdirSync(join(root, "dir"));
  writeFileSync(join(root, "huge"), "");
  truncateSync(join(root, "huge"), 2 ** 40);
  // To open it would let whoever waits at its other end go.
  const writer = spawn("sh", ["-c", `echo text >'${join(root, "pipe")}'`]);
  const ended = once(writer, "exit");
  await waitUntil("a writer at the pipe", () => / S \d/.test(readFileSync(`/proc/${writer.pid}/stat`, "utf8")));
  await refused("pipe", "not a file");
  const drained = execFileSync("timeout", ["5", "cat", join(root, "pipe")], { encoding: "utf8" });
  expect(drained).toBe("text\n");
  await ended;
  await refused("dir", "not a file");
  await refused("huge", "larger than 512 KiB");
});

test("a variable that has no value is named", () => refused("a", "NOPE", { x: "{{NOPE}}" }));

const BROKEN: [ConfigFile["parser"], string][] = [
  ["json", '{ "port": 1, }}'],
  ["yaml", "port: [1\n"],
  ["toml", "port = = 1\n"],
  ["xml", "<a><port>1</a>"],
];
test.each(BROKEN)(
  "broken %s is reported and left byte for byte, and the other files are edited",
  async (parser, text) => {
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0x00])]);
    writeFileSync(join(root, "broken"), bytes);
    const before = statSync(join(root, "broken"));
    const configFiles = [
      { path: "broken", parser, values: { port: "{{SERVER_PORT}}" } },
      { path: "fine.properties", parser: "properties" as const, values: { port: "{{SERVER_PORT}}" } },
    ];
    const defects = await applyConfigFiles(serverSpec({ configFiles }), root, owner, { SERVER_PORT: "7" });
    expect(defects.map(({ path }) => path)).toEqual(["broken"]);
    expect(readFileSync(join(root, "broken"))).toEqual(bytes);
    expect(statSync(join(root, "broken"))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(readFileSync(join(root, "fine.properties"), "utf8")).toBe("port=7\n");
  },
);

test("a second application writes nothing, and text in an old encoding stays what it is", async () => {
  const file = join(root, "old.properties");
  writeFileSync(file, Buffer.from("motd=Gr\xfc\xdfe\r\nport=1\r\n", "latin1"));
  await apply("old.properties");
  expect(readFileSync(file, "latin1")).toBe("motd=Gr\xfc\xdfe\r\nport=7\r\n");
  const before = statSync(file);
  expect(await apply("old.properties")).toEqual([]);
  expect(statSync(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  await refused("old.properties", "not UTF-8", { motd: "\u2603" });
});

test("a file that is missing is not made in a format that needs more than values, nor are its folders", async () => {
  const configFiles = [{ path: "made/of/nothing.xml", parser: "xml" as const, values: { a: "1" } }];
  expect(await applyConfigFiles(serverSpec({ configFiles }), root, owner, {})).toEqual([]);
  expect(readdirSync(root)).toEqual([]);
});

test("text made to keep the library busy for minutes does not keep the agent busy", { timeout: 30_000 }, async () => {
  writeFileSync(join(root, "evil.yml"), "&a ".repeat(150_000));
  const configFiles = [{ path: "evil.yml", parser: "yaml" as const, values: { port: "1" } }];
  let turnCount = 0;
  const ticking = setInterval(() => turnCount++, 10);
  const defects = await applyConfigFiles(serverSpec({ configFiles }), root, owner, {});
  clearInterval(ticking);
  expect(defects[0]?.reason).toMatch(/takes too (long|much memory)/);
  expect(turnCount).toBeGreaterThan(50);
});
