import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeConsoleInput } from "../../console/console-input.ts";
import { ECHO } from "../../testing/server-spec.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { containerName } from "./options.ts";
import { nerdctl, pidOf, TestNode } from "./testing/test-node.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.cleanUp());

/** The one child of this process that listens to events. */
function eventStreamPid(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").map(Number);
  return children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes("events"))!;
}

const hasContainer = (serverId: string) =>
  nerdctl("ps", "-a", "--format", "{{.Names}}").split("\n").includes(containerName(serverId));

async function exitOf(serverId: string) {
  const told = await waitUntil("the exit", () => node.exits.find((exit) => exit.serverId === serverId));
  return told.exit;
}

describe("how a run ended", () => {
  it.each([
    ["by itself", "exit 0", { exitCode: 0, signal: null, oomKilled: false }],
    ["with a code", "exit 42", { exitCode: 42, signal: null, oomKilled: false }],
    ["by a crash", "kill -SEGV $$", { exitCode: 139, signal: "SIGSEGV", oomKilled: false }],
    ["for want of memory", "exec tail /dev/zero", { exitCode: 137, signal: "SIGKILL", oomKilled: true }],
  ])("is told apart: %s", async (_name, command, expected) => {
    const runtime = await node.watchedRuntime();
    const launch = node.launch(command, { memoryMb: 32 });
    const { runId } = await runtime.start(launch);
    expect(await exitOf(launch.spec.id)).toMatchObject(expected);
    expect(node.exits).toHaveLength(1);
    expect(node.exits[0]!.runId).toBe(runId);
    expect(await runtime.inspect(launch.spec.id)).toMatchObject({ isRunning: false, runId, exit: expected });
  });

  it("by a signal or a kill is that signal, and the container's ports are free again", async () => {
    const runtime = await node.watchedRuntime();
    const polite = node.launch("sleep 100");
    const stubborn = node.launch("trap '' TERM; while :; do sleep 1; done");
    await Promise.all([runtime.start(polite), runtime.start(stubborn)]);
    await runtime.signal(polite.spec.id, "SIGTERM");
    await runtime.kill(stubborn.spec.id);
    expect(await exitOf(polite.spec.id)).toMatchObject({ exitCode: 143, signal: "SIGTERM" });
    expect(await exitOf(stubborn.spec.id)).toMatchObject({ exitCode: 137, signal: "SIGKILL", oomKilled: false });
    await waitUntil("the containers' removal", () => !hasContainer(polite.spec.id) && !hasContainer(stubborn.spec.id));
    await runtime.signal(polite.spec.id, "SIGTERM");
    await runtime.kill(polite.spec.id);
  });

  it("reaches a program that a longer startup waits for", async () => {
    const runtime = await node.watchedRuntime();
    const launch = node.launch(
      "cd /data && sh -c 'trap \"echo saved; exit 0\" TERM; echo up; while :; do sleep 0.1; done'; echo after",
    );
    await runtime.start(launch);
    await waitUntil("the program", async () => (await node.consoleText(launch)).includes("up\n"));
    await runtime.signal(launch.spec.id, "SIGTERM");
    await exitOf(launch.spec.id);
    // The shell may say that its `sleep` was ended too.
    expect((await node.consoleText(launch)).replace("Terminated\n", "")).toBe("up\nsaved\n");
  });
});

describe("a server outlives its watcher", () => {
  it("runs on, with its console, when the runtime goes, and is found again", async () => {
    const first = await node.watchedRuntime();
    const launch = node.launch(ECHO);
    const { runId, startedAt } = await first.start(launch);
    const pid = pidOf(launch.spec.id);
    await first.close();
    await writeConsoleInput(launch.paths, "alone");
    await waitUntil("the answer", async () => (await node.consoleText(launch)).includes("echo: alone\n"));

    const second = await node.watchedRuntime();
    expect(await second.inspect(launch.spec.id)).toMatchObject({ isRunning: true, runId, startedAt });
    expect(await second.start(launch)).toMatchObject({ isRunning: true, runId });
    expect(pidOf(launch.spec.id)).toBe(pid);
    expect((await second.usage(launch.spec.id))!.memoryBytes).toBeGreaterThan(0);
    await writeConsoleInput(launch.paths, "exit 7");
    expect(await exitOf(launch.spec.id)).toMatchObject({ exitCode: 7 });
    expect(node.exits).toHaveLength(1);
  });

  it("has its exit told, once, when it ended while nobody watched", async () => {
    const first = await node.watchedRuntime();
    const launch = node.launch(ECHO);
    const { runId } = await first.start(launch);
    await first.close();
    await writeConsoleInput(launch.paths, "exit 42");
    await waitUntil(
      "the end",
      () => nerdctl("inspect", "--format", "{{.State.Status}}", containerName(launch.spec.id)).trim() === "exited",
    );

    const second = await node.watchedRuntime();
    expect(await exitOf(launch.spec.id)).toMatchObject({ exitCode: 42, signal: null });
    expect(node.exits).toHaveLength(1);
    expect(node.exits[0]!.runId).toBe(runId);
    expect(await second.list()).toMatchObject([{ serverId: launch.spec.id, isRunning: false, exit: { exitCode: 42 } }]);
  });

  it("goes on being watched when the event stream is killed", async () => {
    const runtime = await node.watchedRuntime();
    const launch = node.launch(ECHO);
    await runtime.start(launch);
    process.kill(eventStreamPid(), "SIGKILL");
    await writeConsoleInput(launch.paths, "exit 3");
    expect(await exitOf(launch.spec.id)).toMatchObject({ exitCode: 3 });
    expect(node.exits).toHaveLength(1);
  });
});

it("is in every list, and goes on, while containers beside it come and go", async () => {
  const runtime = await node.watchedRuntime();
  const steady = node.launch("sleep 300");
  await runtime.start(steady);
  let isOver = false;
  const others = [1, 2, 3].map(async () => {
    while (!isOver) {
      const launch = node.launch("true");
      await runtime.start(launch);
      await runtime.remove(launch.spec.id);
    }
  });
  for (let look = 0; look < 25; look++) {
    const all = await runtime.list();
    expect(all.find(({ serverId }) => serverId === steady.spec.id)).toMatchObject({ isRunning: true });
  }
  isOver = true;
  await Promise.all(others);
  expect(node.exits.map(({ serverId }) => serverId)).not.toContain(steady.spec.id);
});

describe("starting", () => {
  it("gives each run its own id and keeps the console text of the runs before", async () => {
    const runtime = await node.watchedRuntime();
    const launch = node.launch("echo once");
    const first = await runtime.start(launch);
    await exitOf(launch.spec.id);
    const second = await runtime.start(launch);
    expect(second.runId).not.toBe(first.runId);
    await waitUntil("both ends", () => node.exits.length === 2);
    await waitUntil("both texts", async () => (await node.consoleText(launch)) === "once\nonce\n");
  });

  it("at the very end of a run needs no patience, and what was meant for that run does not reach the new one", async () => {
    const runtime = await node.watchedRuntime();
    const allocations = [{ ip: "127.0.0.1", port: 26_532, isPrimary: true }];
    const launch = node.launch("trap '' INT; sleep 100", { allocations });
    const first = await runtime.start(launch);
    const killed = runtime.kill(launch.spec.id);
    await exitOf(launch.spec.id);
    const second = await runtime.start(launch);
    await killed;
    await runtime.kill(launch.spec.id, first.runId);
    await runtime.signal(launch.spec.id, "SIGTERM", first.runId);
    expect(await runtime.inspect(launch.spec.id)).toMatchObject({ isRunning: true, runId: second.runId });
    expect(node.exits.map(({ runId }) => runId)).toEqual([first.runId]);
    await runtime.kill(launch.spec.id, second.runId);
    await waitUntil("the second end", () => node.exits.length === 2);
    expect(node.exits[1]).toMatchObject({ runId: second.runId, exit: { exitCode: 137 } });
  });

  it("tells the end of the run before, when nobody noticed it, once", async () => {
    const runtime = await node.watchedRuntime();
    const launch = node.launch(ECHO);
    const first = await runtime.start(launch);
    process.kill(eventStreamPid(), "SIGKILL");
    await writeConsoleInput(launch.paths, "exit 5");
    await waitUntil(
      "the end",
      () => !nerdctl("ps", "-a", "--format", "{{.Names}} {{.Status}}").includes(`${containerName(launch.spec.id)} Up`),
    );
    const second = await runtime.start({ ...launch, command: "sleep 100" });
    expect(node.exits).toMatchObject([{ runId: first.runId, exit: { exitCode: 5 } }]);
    expect(await runtime.list()).toMatchObject([{ isRunning: true, runId: second.runId }]);
  });

  it("says in words, here and in the console, when an image is not to be had, and leaves nothing", async () => {
    const runtime = node.runtime();
    const launch = node.launch("true", { image: "127.0.0.1:1/no-such-image:1" });
    await expect(runtime.start(launch)).rejects.toThrow("image could not be pulled");
    expect(hasContainer(launch.spec.id)).toBe(false);
    expect(await node.consoleText(launch)).toMatch(
      /Pulling image 127\.0\.0\.1:1\/no-such-image:1[\s\S]*could not be pulled/,
    );
  });

  it("touches no container of another node", async () => {
    const other = new TestNode();
    try {
      const launch = other.launch("sleep 100");
      await other.runtime().start(launch);
      const mine = node.runtime();
      expect(await mine.inspect(launch.spec.id)).toBeNull();
      expect(await mine.list()).toEqual([]);
      await mine.kill(launch.spec.id);
      await mine.remove(launch.spec.id);
      expect((await other.runtime().inspect(launch.spec.id))?.isRunning).toBe(true);
    } finally {
      await other.cleanUp();
    }
  });

  it("takes three calls of nerdctl when the image is here: who has the name, the run, and what became of it", async () => {
    const calls = join(node.dataDir, "calls");
    const binary = join(node.dataDir, "counting-nerdctl");
    writeFileSync(binary, `#!/bin/sh\necho "$@" >>'${calls}'\nexec nerdctl "$@"\n`, { mode: 0o755 });
    const runtime = node.runtime({ binary });
    await runtime.start(node.launch("sleep 100"));
    rmSync(calls);
    expect((await runtime.start(node.launch("sleep 100"))).isRunning).toBe(true);
    const commands = readFileSync(calls, "utf8").match(/(?<=^--namespace \S+ )\S+/gm);
    expect(commands).toEqual(["inspect", "run", "inspect"]);
  });
});
