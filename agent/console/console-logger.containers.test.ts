/** Needs root, to mount a small disk. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { waitUntil } from "../testing/wait-until.ts";
import { installConsoleLogger } from "./console-logger.ts";

let root: string;
let disk: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "console-logger-"));
  disk = join(root, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
});

afterEach(() => {
  execFileSync("umount", ["-l", disk]);
  rmSync(root, { recursive: true, force: true });
});

it("a console on a full disk goes on by its reserve and its own oldest segments, then waits, and loses nothing new", async () => {
  const logger = await installConsoleLogger(join(root, "bin"));
  const folder = join(disk, "console");
  mkdirSync(folder);
  const child = spawn(logger, ["dir", folder, "bytes", "262144"], { stdio: ["pipe", "ignore", "ignore"] });
  child.stdin.on("error", () => undefined);
  const line = (n: number) => `line ${String(n).padStart(10, "0")} ${"x".repeat(80)}\n`;
  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i)).join("");
  const text = () =>
    [...readdirSync(folder).filter((name) => name.startsWith("@")), "current"]
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("");

  child.stdin.write(lines(0, 10_000));
  await waitUntil("the first lines", () => readdirSync(folder).includes("current") && text().endsWith(line(9_999)));
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "game-data"), Buffer.alloc(bavail * bsize));
  expect(statfsSync(disk).bavail).toBe(0);

  // As much as a segment: the reserve takes what fits, and the oldest segment makes way for the rest.
  child.stdin.write(lines(10_000, 12_000));
  await waitUntil("the lines on the full disk", () => text().endsWith(line(11_999)));
  const kept = text();
  expect(lines(0, 12_000).endsWith(kept)).toBe(true);

  rmSync(join(disk, "game-data"));
  child.stdin.end(lines(12_000, 13_000));
  await once(child, "exit");
  expect(lines(0, 13_000).endsWith(text())).toBe(true);
  expect(text().endsWith(line(12_999))).toBe(true);
});
