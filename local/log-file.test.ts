import { mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { logFile } from "./log-file.ts";

it.runIf(process.platform === "linux")("outlives a full disk, and says what it could not write", () => {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "edge.log");
  const log = logFile(path);
  symlinkSync("/dev/full", path);
  log("one");
  log("two");
  unlinkSync(path);
  log("three");
  log("four");
  expect(readFileSync(path, "utf8")).toBe("(2 lines were lost: the disk took nothing)\nthree\nfour\n");
});
