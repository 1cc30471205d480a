import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "../../log.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { endStaleShims } from "./stale-shims.ts";

const ID = "a".repeat(64);
let folder: string;
let namespace: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-shims-"));
  // Other tests' shims are none of this one's.
  namespace = folder.slice(folder.lastIndexOf("/") + 1);
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const bundleOf = (id: string) => join(folder, "io.containerd.runtime.v2.task", namespace, id);
const end = (graceMs = 150) => endStaleShims({ namespace, log: createLog("silent"), graceMs });

/** A process in a folder that is called what containerd calls its shims. */
async function shim({ cwd = bundleOf(ID), name = "containerd-shim-runc-v2", seconds = "60" } = {}) {
  mkdirSync(cwd, { recursive: true });
  const program = join(folder, name);
  copyFileSync(execFileSync("which", ["sleep"], { encoding: "utf8" }).trim(), program);
  const child = spawn(program, [seconds], { cwd, stdio: "ignore" });
  children.push(child);
  await waitUntil("it to run", () => readlinkSync(`/proc/${child.pid}/exe`) === program);
  return child;
}

it("ends a shim whose bundle is gone, or was renamed to be deleted", async () => {
  const renamed = bundleOf(`.${"b".repeat(64)}`);
  const stale = [await shim(), await shim({ cwd: renamed, name: "containerd-shim-other" })];
  for (const bundle of [bundleOf(ID), renamed]) rmdirSync(bundle);
  expect(await end()).toBe(2);
  await waitUntil("them to be ended", () => stale.every(({ signalCode }) => signalCode === "SIGKILL"));
  expect(await end()).toBe(0);
});

it("leaves one whose bundle is there, another namespace's, and what is no shim", async () => {
  await shim();
  await shim({ cwd: join(folder, "io.containerd.runtime.v2.task", "other", ID), name: "containerd-shim-other" });
  rmdirSync(join(folder, "io.containerd.runtime.v2.task", "other", ID));
  await shim({ cwd: bundleOf("c".repeat(64)), name: "another-program" });
  rmdirSync(bundleOf("c".repeat(64)));
  expect(await end()).toBe(0);
  for (const { exitCode, signalCode } of children) expect([exitCode, signalCode]).toEqual([null, null]);
});

it("lets one end by itself that is about to", async () => {
  const child = await shim({ seconds: "0.3" });
  rmdirSync(bundleOf(ID));
  expect(await end(20_000)).toBe(0);
  await waitUntil("it to have ended", () => child.exitCode === 0);
});
