/** An update on a disk that is full. Needs root, to mount a small one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeWorld, type World } from "../testing/agent-process.ts";
import { buildOf, SupervisedAgent } from "../testing/supervised-agent.ts";
import { waitUntil } from "../testing/wait-until.ts";

let world: World;
let disk: string;
let node: SupervisedAgent;

beforeEach(async () => {
  world = await makeWorld();
  disk = join(world.agent.folder, "disk");
  mkdirSync(disk);
  // Room for two bundles and half of a third.
  const sizeKb = Math.ceil((statSync(world.agent.module).size * 2.5) / 1024);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeKb}k`, "tmpfs", disk]);
  node = new SupervisedAgent(world.agent, { CATALYST_AGENT_TRIAL_SECONDS: "10" }, disk);
});
afterEach(async () => {
  await node.stop();
  execFileSync("umount", ["-l", disk]);
  await world.close();
});

it("fails in words while the disk is full, leaves nothing half done, and works when there is room", {
  timeout: 60_000,
}, async () => {
  const { plane } = world;
  const filler = join(disk, "game-data");
  node.start();
  await plane.connected();
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - 64 * 1024));
  const bundle = `${node.bundle()}\n// next\n`;
  plane.serveBundle = (response) => void response.end(bundle);
  const update = (updateId: string) => plane.request({ op: "update", updateId, build: buildOf(bundle) });
  expect(await update("u-1")).toMatchObject({ ok: true });
  const { updateFailure } = await waitUntil("the report", () => plane.reports.find((report) => report.updateFailure));
  expect(updateFailure).toEqual({ updateId: "u-1", reason: "The node's disk is full." });
  expect([node.exits, plane.connections]).toEqual([[], 1]);
  await waitUntil("nothing to be left", () => node.files().length === 3);

  rmSync(filler);
  await update("u-2");
  await waitUntil("the next build", () => plane.connections === 2 && node.has("catalyst-agent.previous.mjs"), 30_000);
});

it("starts the build that works when the count of a trial cannot be written", { timeout: 60_000 }, async () => {
  writeFileSync(join(disk, "catalyst-agent.next.mjs"), "process.exit(1);");
  writeFileSync(join(disk, "update-trial"), JSON.stringify({ updateId: "u-1" }));
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "game-data"), Buffer.alloc(bavail * bsize));
  node.start();
  await world.plane.connected();
  const { updateFailure } = await waitUntil("the report", () => world.plane.reports.find((one) => one.updateFailure));
  expect(updateFailure).toEqual({ updateId: "u-1", reason: expect.stringContaining("disk is full") });
});
