import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { templateSchema } from "../protocol/template.ts";

const template = templateSchema.parse(JSON.parse(readFileSync(`${import.meta.dirname}/minecraft-paper.json`, "utf8")));
const JAR = "not really a jar";
const sha256 = createHash("sha256").update(JAR).digest("hex");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-paper-"));
  mkdirSync(join(folder, "data"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the install script with a `curl` that serves these addresses and no others. */
function install(version: string, served: Record<string, string>) {
  const pages = join(folder, "pages");
  mkdirSync(pages);
  for (const [url, text] of Object.entries(served)) writeFileSync(join(pages, encodeURIComponent(url)), text);
  const curl = `#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = --output ] && out=$2; shift; done
name=$(printf '%s' "$1" | sed 's#:#%3A#g; s#/#%2F#g')
[ -f "${pages}/$name" ] && cp "${pages}/$name" "$out"`;
  writeFileSync(join(folder, "curl"), curl);
  chmodSync(join(folder, "curl"), 0o755);
  return spawnSync("sh", ["-c", template.installScript], {
    cwd: join(folder, "data"),
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env.PATH}`, VERSION: version },
  });
}

const API = "https://fill.papermc.io/v3/projects/paper";
const DOWNLOAD = "https://fill-data.papermc.io/v1/objects/abc/paper.jar";
const build = (sum: string) =>
  JSON.stringify(
    {
      id: 9,
      channel: "STABLE",
      downloads: { "server:default": { name: "p.jar", checksums: { sha256: sum }, size: 1, url: DOWNLOAD } },
    },
    null,
    2,
  );

it("downloads the newest build of the version asked for, and checks it", () => {
  const { status, stdout } = install("1.21.4", {
    [`${API}/versions/1.21.4/builds/latest`]: build(sha256),
    [DOWNLOAD]: JAR,
  });
  expect(stdout).toContain("Paper 1.21.4 is installed.");
  expect(status).toBe(0);
  expect(readFileSync(join(folder, "data/paper.jar"), "utf8")).toBe(JAR);
});

it("takes the newest release for latest, passing over pre-releases", () => {
  const project = JSON.stringify({
    project: { id: "paper" },
    versions: { "26.3": ["26.3-rc-1"], "26.2": ["26.2", "26.2-pre-1"], "1.21": ["1.21.11"] },
  });
  const { status, stdout } = install("latest", {
    [API]: project,
    [`${API}/versions/26.2/builds/latest`]: build(sha256),
    [DOWNLOAD]: JAR,
  });
  expect(stdout).toContain("Paper 26.2 is installed.");
  expect(status).toBe(0);
});

it("leaves nothing behind when the download is damaged, and keeps the jar that was there", () => {
  writeFileSync(join(folder, "data/paper.jar"), "the old one");
  const { status, stdout } = install("1.21.4", {
    [`${API}/versions/1.21.4/builds/latest`]: build("0".repeat(64)),
    [DOWNLOAD]: JAR,
  });
  expect(status).not.toBe(0);
  expect(stdout).toContain("damaged");
  expect(readdirSync(join(folder, "data"))).toEqual(["paper.jar"]);
  expect(readFileSync(join(folder, "data/paper.jar"), "utf8")).toBe("the old one");
});

it("says in words that a version does not exist", () => {
  const { status, stdout } = install("1.99", {});
  expect(status).not.toBe(0);
  expect(stdout).toContain("no build of version 1.99");
  expect(existsSync(join(folder, "data/paper.jar"))).toBe(false);
});

it("gives Java the heap that was asked for, at most the server's memory, which has head-room on top", () => {
  const heap = (memory: number, asked: number) => {
    writeFileSync(join(folder, "java"), '#!/bin/sh\nprintf "%s\\n" "$@"\n');
    chmodSync(join(folder, "java"), 0o755);
    const { stdout } = spawnSync("sh", ["-c", template.startup], {
      cwd: join(folder, "data"),
      encoding: "utf8",
      env: {
        PATH: `${folder}:${process.env.PATH}`,
        SERVER_MEMORY: String(memory),
        MEMORY: String(asked),
        EULA: "true",
        SERVER_PORT: "25565",
      },
    });
    return /^-Xmx(\d+)M$/m.exec(stdout)?.[1];
  };
  expect(heap(2048, 2048)).toBe("2048");
  expect(heap(2048, 4096)).toBe("2048");
  expect(heap(2048, 1024)).toBe("1024");
  expect(template.memoryHeadroomPercent).toBeGreaterThan(0);
});
