/** Runs of an agent that was killed: the next one begins when they are over. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { waitUntil } from "../../testing/wait-until.ts";
import { endLostRuns, environmentFolder } from "./run-container.ts";

let dataDir: string;
let file: string;
let children: ChildProcess[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "catalyst-lost-runs-"));
  file = join(environmentFolder(dataDir), "run-1");
  mkdirSync(environmentFolder(dataDir), { recursive: true });
  writeFileSync(file, "PASSWORD=1\n");
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true });
});

/** Something that was given an environment file, and lives until a line is written to it. */
async function lostRun(environmentFile: string): Promise<ChildProcess> {
  const child = spawn("sh", ["-c", "read -r line; exit 0", "run", "--env-file", environmentFile], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  children.push(child);
  await waitUntil("it to run", () => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").includes("--env-file"));
  return child;
}

it("are waited for, and their environment goes with them", async () => {
  const child = await lostRun(file);
  let isOver = false;
  const ending = endLostRuns(dataDir).then(() => (isOver = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([isOver, existsSync(file)]).toEqual([false, true]);
  child.stdin!.write("\n");
  await ending;
  await waitUntil("it to have ended by itself", () => child.exitCode === 0);
  expect(existsSync(file)).toBe(false);
});

it("are ended when they hang", async () => {
  const child = await lostRun(file);
  await endLostRuns(dataDir, 100);
  await waitUntil("it to be ended", () => child.signalCode === "SIGKILL");
});

it("are told from those of other agents", async () => {
  const other = await lostRun(join(environmentFolder(`${dataDir}-2`), "run-1"));
  await endLostRuns(dataDir);
  expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});
