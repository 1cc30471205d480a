import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatCpuList } from "../../../protocol/cpu-list.ts";
import { writeConsoleInput } from "../../console/console-input.ts";
import { LiveServer } from "../../power/testing/live-server.ts";
import { ECHO } from "../../testing/server-spec.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { type CgroupFolders, cgroupOfContainer } from "./cgroup.ts";
import { readNodeLimits } from "./node-limits.ts";
import { containerName } from "./options.ts";
import { nerdctl, pidOf, TestNode } from "./testing/test-node.ts";

const MB = 1024 * 1024;
let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.cleanUp());

async function cgroupOf(serverId: string): Promise<CgroupFolders> {
  const id = nerdctl("inspect", "--format", "{{.ID}}", containerName(serverId)).trim();
  const cgroup = await cgroupOfContainer(pidOf(serverId), id);
  if (!cgroup) throw new Error("the container has no cgroup");
  return cgroup;
}

/** What the kernel enforces, in the units of the spec; swap is null where the kernel does not count it. */
function enforced({ version, memory, cpu, pids }: CgroupFolders) {
  const text = (folder: string, file: string) => readFileSync(join(folder, file), "utf8").trim();
  const cpuset = (folder: string) => folder.replace("cpuacct", "cpuset");
  if (version === 2) {
    const [quota, period] = text(cpu, "cpu.max").split(" ").map(Number);
    return {
      memoryMb: Number(text(memory, "memory.max")) / MB,
      swapMb: existsSync(join(memory, "memory.swap.max")) ? Number(text(memory, "memory.swap.max")) / MB : null,
      cpuCores: quota! / period!,
      cpus: text(cpu, "cpuset.cpus"),
      pids: Number(text(pids, "pids.max")),
    };
  }
  const limitMb = Number(text(memory, "memory.limit_in_bytes")) / MB;
  const both = join(memory, "memory.memsw.limit_in_bytes");
  const quota = cpu.replace("cpuacct", "cpu");
  return {
    memoryMb: limitMb,
    swapMb: existsSync(both) ? Number(readFileSync(both, "utf8")) / MB - limitMb : null,
    cpuCores: Number(text(quota, "cpu.cfs_quota_us")) / Number(text(quota, "cpu.cfs_period_us")),
    cpus: text(cpuset(cpu), "cpuset.cpus"),
    pids: Number(text(pids, "pids.max")),
  };
}

const openFiles = (pid: number) =>
  /^Max open files\s+(\d+)\s+(\d+)/m
    .exec(readFileSync(`/proc/${pid}/limits`, "utf8"))
    ?.slice(1, 3)
    .map(Number);

const all = formatCpuList(readNodeLimits().cpus);

describe("a container's limits", () => {
  it("are those of the spec, memory with its head-room", async () => {
    const launch = node.launch("sleep 100", {
      memoryMb: 96,
      memoryHeadroomMb: 32,
      swapMb: 16,
      cpuCores: 0.25,
      cpuPinning: "0",
      pidsLimit: 40,
      openFilesLimit: 512,
    });
    await node.runtime().start(launch);
    const limits = enforced(await cgroupOf(launch.spec.id));
    expect(limits).toEqual({
      memoryMb: 128,
      swapMb: limits.swapMb === null ? null : 16,
      cpuCores: 0.25,
      cpus: "0",
      pids: 40,
    });
    expect(openFiles(pidOf(launch.spec.id))).toEqual([512, 512]);
  });

  it("change while it runs: memory, swap, CPU time, pinning and processes", async () => {
    const runtime = node.runtime();
    const launch = node.launch("sleep 100", { memoryMb: 64, cpuPinning: "0", pidsLimit: 40 });
    await runtime.start(launch);
    const cgroup = await cgroupOf(launch.spec.id);
    const hasSwap = enforced(cgroup).swapMb !== null;
    const more = { memoryMb: 128, memoryHeadroomMb: 8, swapMb: 32, cpuCores: 0.5, cpuPinning: null, pidsLimit: 50 };
    expect(await runtime.updateLimits({ ...launch.spec, ...more })).toEqual([]);
    expect(enforced(cgroup)).toEqual({
      memoryMb: 136,
      swapMb: hasSwap ? 32 : null,
      cpuCores: 0.5,
      cpus: all,
      pids: 50,
    });
    const less = { memoryMb: 32, memoryHeadroomMb: 0, swapMb: 0, cpuCores: 0.1, cpuPinning: "0", pidsLimit: 20 };
    expect(await runtime.updateLimits({ ...launch.spec, ...less })).toEqual([]);
    expect(enforced(cgroup)).toEqual({ memoryMb: 32, swapMb: hasSwap ? 0 : null, cpuCores: 0.1, cpus: "0", pids: 20 });
  });

  it("are refused before a container is made when the node lacks a CPU", async () => {
    const launch = node.launch("sleep 100", { cpuPinning: "1000" });
    await expect(node.runtime().start(launch)).rejects.toThrow(`pinned to CPU 1000, but this node has ${all}.`);
  });
});

describe("memory", () => {
  const heap = (memoryMb: number) =>
    `dd if=/dev/zero of=/dev/null bs=${memoryMb}M count=1 2>/dev/null && echo survived`;

  it("with head-room holds a heap of the server's whole memory, and without it does not", async () => {
    const runtime = await node.watchedRuntime();
    const tight = node.launch(`exec ${heap(64).split(" && ")[0]}`, { memoryMb: 64 });
    const roomy = node.launch(heap(64), { memoryMb: 64, memoryHeadroomMb: 16 });
    await Promise.all([runtime.start(tight), runtime.start(roomy)]);
    await waitUntil("both ends", () => node.exits.length === 2, 20_000);
    const exitOf = (serverId: string) => node.exits.find((exit) => exit.serverId === serverId)?.exit;
    expect(exitOf(tight.spec.id)).toMatchObject({ exitCode: 137, oomKilled: true });
    expect(exitOf(roomy.spec.id)).toMatchObject({ exitCode: 0, oomKilled: false });
    expect(await node.consoleText(roomy)).toBe("survived\n");
  });

  it("that ran out is told as the reason also when nobody saw the game run, or heard of its end", async () => {
    const launch = node.launch(`read -r go; exec ${heap(64).split(" && ")[0]}`, { memoryMb: 32 });
    await node.runtime().start(launch);
    const { id } = launch.spec;
    // As if it had been over before its process could be looked at.
    const file = join(node.dataDir, "nerdctl-runtime", "runs", `${id}.json`);
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), cgroup: null }));
    await writeConsoleInput(launch.paths, "go");
    const status = () => nerdctl("inspect", "--format", "{{.State.Status}}", containerName(id)).trim();
    await waitUntil("its end", () => status() === "exited", 20_000);
    await node.watchedRuntime();
    expect(node.exits).toMatchObject([{ serverId: id, exit: { exitCode: 137, oomKilled: true } }]);
  });

  it("is not taken from a game that uses it: the rest changes, and the owner is told why", async () => {
    const runtime = node.runtime();
    const launch = node.launch("x=$(head -c 30000000 /dev/zero | tr '\\0' a); echo full; sleep 100", { memoryMb: 160 });
    const server = await LiveServer.open(runtime, {
      ...launch,
      spec: { ...launch.spec, startup: launch.command, readyPattern: "full" },
    });
    await server.command("start");
    await server.inState("running");
    const { spec } = server.actor;
    const cgroup = await cgroupOf(spec.id);
    await server.actor.applySpec({ ...spec, memoryMb: 32, pidsLimit: 33, openFilesLimit: 99 });
    await waitUntil("the other limit", () => enforced(cgroup).pids === 33);
    expect(enforced(cgroup).memoryMb).toBe(160);
    await waitUntil("the word", () => server.actor.status.pendingRestart.length === 2);
    expect(server.actor.status.pendingRestart).toEqual([
      {
        field: "allocatedMemoryMb",
        reason: expect.stringMatching(/^The server uses \d+ MiB now, too much for a limit of 32 MiB\.$/),
      },
      { field: "openFilesLimit" },
    ]);
    // Taken back: nothing waits.
    await server.actor.applySpec({ ...spec, pidsLimit: 33 });
    await waitUntil("nothing to wait for", () => server.actor.status.pendingRestart.length === 0);
    expect(server.actor.status.state).toBe("running");
    await server.close();
  });
});

it("what waits for the next start is told, is known to the next agent, and is done by a restart", async () => {
  const launch = node.launch("", { startup: ECHO });
  const first = await LiveServer.open(node.runtime(), launch);
  await first.command("start");
  await first.inState("running");
  await first.actor.applySpec({ ...first.actor.spec, openFilesLimit: 777 });
  expect(first.actor.status.pendingRestart).toEqual([{ field: "openFilesLimit" }]);
  await first.letGo();

  const changed = { ...launch.spec, openFilesLimit: 777, pidsLimit: 44 };
  const second = await LiveServer.open(node.runtime(), { ...launch, spec: changed });
  expect(second.actor.status.pendingRestart).toEqual([{ field: "openFilesLimit" }]);
  // A limit that the last agent did not come to change.
  const cgroup = await cgroupOf(launch.spec.id);
  await waitUntil("the limit", () => enforced(cgroup).pids === 44);
  const { runId } = second.actor.status;
  await second.command("restart");
  await waitUntil("the next run", () => {
    const { status } = second.actor;
    return status.state === "running" && status.runId !== runId;
  });
  expect(second.actor.status.pendingRestart).toEqual([]);
  expect(openFiles(pidOf(launch.spec.id))).toEqual([777, 777]);
  await second.close();
});
