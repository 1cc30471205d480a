/** Disk limits as a server's owner meets them: the agent as it ships, on containers and loop devices. Needs root. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ResourceStats } from "../../protocol/frames/shared.ts";
import type { ServerSpec } from "../../protocol/spec.ts";
import { writeConsoleInput } from "../console/console-input.ts";
import { serverPaths } from "../console/server-paths.ts";
import { makeWorld, type World } from "../testing/agent-process.ts";
import { FakeControlPlane } from "../testing/fake-control-plane.ts";
import { ECHO, serverSpec } from "../testing/server-spec.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { diskPaths } from "./disk-paths.ts";
import { loopsOf } from "./mounts.ts";
import { mountsBelow, unmountBelow } from "./testing/disk-mounts.ts";

const MB = 2 ** 20;
const IMAGE = "catalyst-test/echo:1";
/** Runs each line as a command. */
const SHELL = `echo ready; while read -r line; do eval "$line"; done`;

let world: World;
let id: string;
let neighbour: string;
beforeEach(async () => {
  const suffix = randomBytes(6).toString("hex");
  id = `disk-${suffix}`;
  neighbour = `beside-${suffix}`;
  world = await makeWorld(`node-${suffix}`, { runtime: "nerdctl" });
});
afterEach(async () => {
  const { plane, agent } = world;
  if (!plane.isConnected) agent.start();
  await plane.connected();
  plane.setServers();
  await waitUntil("the containers to be gone", () => containers() === "", 30_000);
  await waitUntil(
    "the servers' folders to be gone",
    () => !existsSync(paths().root) && !existsSync(paths(neighbour).root),
    30_000,
  );
  expect(mountsBelow(agent.folder)).toEqual([]);
  await waitUntil("the loop devices to be gone", async () => (await loops()).length === 0);
  await world.close();
});

const nerdctl = (...args: string[]) =>
  execFileSync("nerdctl", ["--namespace", "catalyst", ...args], { encoding: "utf8" });
/** A list fails as a whole when a container vanishes meanwhile: it is made again. */
function containers(): string {
  for (let attempt = 1; ; attempt++) {
    try {
      return nerdctl("ps", "-aq", "--no-trunc", "--filter", `label=catalyst.node=${world.plane.nodeId}`).trim();
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}
const paths = (serverId = id) => serverPaths(world.agent.dataDir, serverId);
const loops = () => loopsOf((image) => image.startsWith(`${world.agent.folder}/`));
const type = (line: string, serverId = id) => writeConsoleInput(paths(serverId), line);

const spec = (change: Partial<ServerSpec> = {}) =>
  serverSpec({
    id,
    image: IMAGE,
    installImage: IMAGE,
    allocations: [],
    networkMode: "bridge",
    startup: SHELL,
    stopCommand: "exit 0",
    diskMb: 32,
    ...change,
  });

const logText = (serverId = id) => world.plane.logText(serverId);
const says = (words: string, serverId = id) =>
  waitUntil(`"${words}" in the console`, async () => (await logText(serverId)).includes(words), 30_000);

async function stats(serverId = id): Promise<ResourceStats> {
  const answer = await world.plane.request({ op: "stats", serverId });
  if (!answer.ok) throw new Error("no figures");
  return answer.data as ResourceStats;
}
const figures = (what: string, isSo: (stats: ResourceStats) => boolean) =>
  waitUntil(what, async () => isSo(await stats()), 30_000);

async function started(...servers: ServerSpec[]): Promise<void> {
  const { plane, agent } = world;
  plane.setServers(...servers);
  agent.start();
  for (const { id: serverId } of servers) await plane.startServer(serverId, 60_000);
}

describe("a game that writes until its disk is full", () => {
  test("stops at its limit, is told so, keeps its console, and its neighbour notices nothing", async () => {
    const { plane } = world;
    await started(spec(), spec({ id: neighbour, startup: `while :; do date > tick; sleep 0.2; done & ${ECHO}` }));
    expect(await stats()).toMatchObject({ diskLimitKind: "hard", diskLimitBytes: 32 * MB, diskState: "ok" });
    await type("dd if=/dev/zero of=/data/big bs=1M; echo written $?");
    await says("No space left on device");
    await says("written 1");
    expect(statSync(join(paths().data, "big")).size).toBeLessThanOrEqual(32 * MB);
    expect(await stats()).toMatchObject({ diskState: "full" });
    await says("[catalyst] This server's disk is full");
    await type("echo its console goes on");
    await says("its console goes on");

    const tick = () => readFileSync(join(paths(neighbour).data, "tick"), "utf8");
    const before = tick();
    await waitUntil("the neighbour to write", () => tick() !== before && tick() !== "");
    expect(await stats(neighbour)).toMatchObject({ diskState: "ok" });
    await plane.request({ op: "console_input", serverId: neighbour, data: "quick" });
    await says("echo: quick", neighbour);

    await type("rm /data/big; sync; echo removed");
    await figures("room again", ({ diskState }) => diskState === "ok");
    await says("There is room on this server's disk again");
  });

  test("is started again though its configuration cannot be written, and says so", async () => {
    const { plane } = world;
    await started(spec());
    await type("dd if=/dev/zero of=/data/big bs=64k; dd if=/dev/zero of=/data/rest bs=1; mkdir full; echo done");
    await says("done");
    await plane.power(id, "stop");
    await plane.inState(id, "stopped", 30_000);
    const values = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`key${n}`, "x".repeat(200)]));
    plane.setServers(spec({ version: 2, configFiles: [{ path: "server.properties", parser: "properties", values }] }));
    await plane.power(id, "start");
    await plane.inState(id, "running", 30_000);
    await says("server.properties was left as it is: the disk is full.");
  });

  test("cannot do it with its install script either, which runs as root", async () => {
    const { plane, agent } = world;
    plane.setServers(
      spec({ installScript: "cd /data; id -u; dd if=/dev/zero of=big bs=1M; echo ended $?; rm big; exit 3" }),
    );
    agent.start();
    expect(await plane.inState(id, "error", 60_000)).toMatchObject({ reason: expect.stringMatching(/exit code 3/) });
    await says("No space left on device");
    await says("ended 1");
  });
});

test("in its container the disk is mounted without devices and set-user-ID, and what is planted there is inert", async () => {
  await started(spec());
  const { data } = paths();
  execFileSync("mknod", ["-m", "666", join(data, "null"), "c", "1", "3"]);
  execFileSync("cp", ["/bin/busybox", join(data, "busybox")]);
  execFileSync("chmod", ["4755", join(data, "busybox")]);
  await type("grep ' /data ' /proc/mounts");
  await says(" /data ext4 ");
  const line = /^\S+ \/data ext4 (\S+)/m.exec(await logText())![1]!.split(",");
  expect(line).toEqual(expect.arrayContaining(["rw", "nosuid", "nodev"]));
  await type("echo x > /data/null; echo device $?; /data/busybox id -u");
  await says("device 1");
  await says("\n988\n");
});

describe("another limit", () => {
  test("is followed: larger while it runs or, where the kernel forbids that, with the next stop; smaller when stopped", async () => {
    const { plane } = world;
    await started(spec());
    await type("echo precious > /data/world; echo saved");
    await says("saved");
    plane.setServers(spec({ version: 2, diskMb: 64 }));
    await figures("the larger limit, or word of it", ({ diskLimitBytes, diskNotice }) => {
      return diskLimitBytes === 64 * MB || /64 MiB, waits until it is stopped or restarted/.test(diskNotice ?? "");
    });
    await plane.power(id, "restart");
    await figures("the larger limit", (now) => now.diskLimitBytes === 64 * MB && now.diskNotice === null);
    await plane.inState(id, "running", 30_000);
    await type("dd if=/dev/zero of=/data/big bs=1M count=45; echo wrote $?");
    await says("wrote 0");

    plane.setServers(spec({ version: 3, diskMb: 32 }));
    await figures("word of the smaller limit", ({ diskNotice }) => /waits until it is stopped/.test(diskNotice ?? ""));
    await plane.power(id, "stop");
    await figures("that it does not fit", ({ diskNotice }) => /too small for the files/.test(diskNotice ?? ""));
    expect((await stats()).diskLimitBytes).toBe(64 * MB);
    await plane.power(id, "start");
    await waitUntil("the second run", () => plane.lastEvent(id)?.state === "running", 30_000);
    await type("rm /data/big; echo removed");
    await says("removed");
    await plane.power(id, "stop");
    await figures("the smaller limit", (now) => now.diskLimitBytes === 32 * MB && now.diskNotice === null);
    expect(readFileSync(join(paths().data, "world"), "utf8")).toBe("precious\n");
  });
});

describe("after a restart", () => {
  test("of the agent a running server's disk is the one it was", async () => {
    const { agent } = world;
    await started(spec());
    const [before] = await loops();
    await agent.end("SIGKILL");
    await type("echo alone > /data/world; echo saved");
    await world.back();
    await says("saved");
    expect(await loops()).toEqual([before]);
    expect(readFileSync(join(paths().data, "world"), "utf8")).toBe("alone\n");
  });

  test("of the machine it is mounted before its server starts again", async () => {
    const { agent } = world;
    await started(spec({ startup: `cat world; ${SHELL}`, restartPolicy: "always" }));
    await type("echo precious > /data/world; echo saved");
    await says("saved");
    await agent.end("SIGKILL");
    nerdctl("rm", "-f", containers());
    unmountBelow(agent.folder);
    await waitUntil("the loop device to go", async () => (await loops()).length === 0);
    expect(existsSync(join(paths().data, "world"))).toBe(false);
    await world.back();
    await says("precious");
    expect(await stats()).toMatchObject({ diskLimitKind: "hard", diskNotice: null });
  });

  test("a damaged disk starts nothing, above all not on the bare folder, and says so", async () => {
    const { plane, agent } = world;
    await started(spec());
    await plane.power(id, "stop");
    await plane.inState(id, "stopped", 30_000);
    await agent.end("SIGTERM");
    unmountBelow(agent.folder);
    await waitUntil("the loop device to go", async () => (await loops()).length === 0);
    const { image } = diskPaths(paths());
    const { size } = statSync(image);
    truncateSync(image, 0);
    truncateSync(image, size);
    await world.back();
    await figures("word of the damage", ({ diskNotice }) => /damaged/.test(diskNotice ?? ""));
    await plane.power(id, "start");
    const { reason } = await plane.inState(id, "error", 30_000);
    expect(reason).toMatch(/damaged and could not be repaired automatically\. Nothing was deleted/);
    expect(containers()).toBe("");
    expect(await loops()).toEqual([]);
  });
});

test("a server from before hard limits keeps its files, is named soft, and gets its disk when it is stopped", async () => {
  const { plane, agent } = world;
  agent.configure(plane, { runtime: "nerdctl", disk_limit: "soft" });
  await started(spec());
  await type("echo precious > /data/world; echo saved");
  await says("saved");
  expect(await stats()).toMatchObject({ diskLimitKind: "soft", diskNotice: expect.stringMatching(/soft/) });
  await agent.end("SIGTERM");
  agent.configure(plane, { runtime: "nerdctl" });
  agent.start();
  await plane.connected();
  await figures("word of the change to come", ({ diskNotice }) => /when it is stopped/.test(diskNotice ?? ""));
  expect((await stats()).diskLimitKind).toBe("soft");
  await plane.power(id, "stop");
  await figures("the hard limit", (now) => now.diskLimitKind === "hard" && now.diskNotice === null);
  expect(readFileSync(join(paths().data, "world"), "utf8")).toBe("precious\n");
  expect(mountsBelow(agent.folder)).toEqual([paths().data]);
});

test("files of another node's server are kept as their disk, and nothing stays mounted", async () => {
  const { plane, agent } = world;
  await started(spec());
  await type("echo precious > /data/world; echo saved; exit 0");
  await says("saved");
  await plane.inState(id, "stopped", 30_000);
  await agent.end("SIGTERM");
  const other = await FakeControlPlane.start(`other-${plane.nodeId}`);
  try {
    agent.configure(other, { runtime: "nerdctl" });
    other.setServers();
    agent.start();
    await waitUntil("the folder to be gone", () => !existsSync(paths().root), 30_000);
    expect(mountsBelow(agent.folder)).toEqual([]);
    const kept = join(agent.dataDir, "kept");
    const [folder] = await waitUntil("the kept folder", () => existsSync(kept) && readdirSync(kept));
    const mountpoint = join(agent.folder, "looked-at");
    mkdirSync(mountpoint);
    execFileSync("mount", ["-o", "loop", join(kept, folder!, "disk.img"), mountpoint]);
    expect(readFileSync(join(mountpoint, "world"), "utf8")).toBe("precious\n");
    execFileSync("umount", [mountpoint]);
  } finally {
    await agent.end("SIGTERM");
    await other.close();
    agent.configure(plane, { runtime: "nerdctl" });
  }
});
