/** The whole panel on a data folder whose disk is full. Needs root, to mount a small one. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ConsoleViewer } from "./world/console-viewer.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

let root: string;
let disk: string;
let panel: Panel;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "catalyst-full-disk-"));
  disk = join(root, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=220m", "tmpfs", disk]);
  panel = await Panel.start({ dataDir: join(disk, "data"), runtime: "process" });
});
afterAll(async () => {
  await panel?.stop();
  execFileSync("umount", ["-l", disk]);
  rmSync(root, { recursive: true, force: true });
});

function fill(): void {
  const file = openSync(join(disk, "filler"), "w");
  try {
    for (const block = Buffer.alloc(1024 * 1024); ; ) writeSync(file, block);
  } catch {
    expect(statfsSync(disk).bavail).toBe(0);
  } finally {
    closeSync(file);
  }
}

it("keeps games and consoles going, and is whole again when there is room", async () => {
  // Without a policy that starts it again: what is asked here is that it goes down and comes up when told.
  const id = await panel.createServer({ allocatedDiskMb: 16, restartPolicy: "never" });
  await panel.startServer(id);
  const viewer = new ConsoleViewer(panel, id);
  await viewer.connect();
  fill();

  await panel.must("POST", `/api/servers/${id}/command`, { command: "no room" });
  await until("the server's answer", () => viewer.text.includes("echo: no room"));
  // What is told now may get nowhere, and what gets to the hub may never get to the agent's disk.
  const { status, body } = await panel.api("POST", `/api/servers/${id}/stop`);
  expect(body.code ?? status).toBeOneOf([202, "AGENT_TIMEOUT", "NODE_OFFLINE"]);
  await panel.killAgent();
  await panel.killWorker();

  rmSync(join(disk, "filler"));
  await panel.waitForNode(60_000);
  await until("a stop is taken", async () => {
    const answer = await panel.api("POST", `/api/servers/${id}/stop`);
    return answer.status === 202 || answer.body.code === "SERVER_NOT_RUNNING";
  });
  await until("the server is down", async () => ["stopped", "crashed"].includes(await panel.state(id)));
  await panel.startServer(id);
  await panel.must("POST", `/api/servers/${id}/command`, { command: "room again" });
  await until("the server's answer", () => viewer.text.includes("echo: room again"));
  viewer.close();
  expect(viewer.faults).toEqual([]);
});

it("says in one sentence that it cannot start, harms nothing, and starts when there is room", async () => {
  const id = await panel.createServer({ allocatedDiskMb: 16 });
  await panel.interrupt();
  fill();
  await expect(Panel.start({ dataDir: join(disk, "data"), runtime: "process" })).rejects.toThrow(
    /disk .* is full|No space/,
  );
  rmSync(join(disk, "filler"));
  panel = await Panel.start({ dataDir: join(disk, "data"), runtime: "process" });
  await panel.startServer(id);
});
