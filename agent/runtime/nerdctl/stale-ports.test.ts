import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "../../log.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { releaseStalePorts } from "./stale-ports.ts";

const ID = "a".repeat(64);
let folder: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-ports-"));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const bundleOf = (id: string) => join(folder, "io.containerd.runtime.v2.task", "catalyst", id);
const release = () => releaseStalePorts({ namespace: "catalyst", log: createLog("silent"), folder });

/** A process in a folder, and nerdctl's note that it holds the ports of a container. */
async function holder(id: string, { program = "sleep", cwd = bundleOf(id) } = {}): Promise<ChildProcess> {
  mkdirSync(cwd, { recursive: true });
  const child = spawn(program, program === "sleep" ? ["infinity"] : [], { cwd, stdio: ["pipe", "ignore", "ignore"] });
  children.push(child);
  await waitUntil("it to run", () => readlinkSync(`/proc/${child.pid}/exe`).endsWith(program) || program !== "sleep");
  mkdirSync(join(folder, "catalyst", id), { recursive: true });
  writeFileSync(join(folder, "catalyst", id, "port-reserver.pid"), `${child.pid}`);
  return child;
}
const isOver = (child: ChildProcess) => waitUntil("it to be ended", () => child.signalCode === "SIGKILL");

it("ends what holds the ports of a container whose bundle is gone, and its note", async () => {
  const child = await holder(ID);
  rmdirSync(bundleOf(ID));
  expect(await release()).toBe(1);
  await isOver(child);
  expect(existsSync(join(folder, "catalyst", ID))).toBe(false);
  expect(await release()).toBe(0);
});

it("ends it too when the bundle was renamed to be deleted", async () => {
  const child = await holder(ID, { cwd: bundleOf(`.${ID}`) });
  rmdirSync(bundleOf(`.${ID}`));
  expect(await release()).toBe(1);
  await isOver(child);
});

it("leaves one whose container is there, and any other process that has the pid by now", async () => {
  await holder(ID);
  const other = await holder("b".repeat(64), { program: "cat" });
  rmdirSync(bundleOf("b".repeat(64)));
  const elsewhere = await holder("c".repeat(64), { cwd: join(folder, "elsewhere") });
  rmdirSync(join(folder, "elsewhere"));
  writeFileSync(join(folder, "catalyst", "stray"), "");
  mkdirSync(join(folder, "catalyst", "d".repeat(64)));
  expect(await release()).toBe(0);
  for (const child of [...children, other, elsewhere]) expect([child.exitCode, child.signalCode]).toEqual([null, null]);
});

it("has nothing to do where nerdctl noted nothing", async () => {
  expect(await releaseStalePorts({ namespace: "none", log: createLog("silent"), folder })).toBe(0);
});
