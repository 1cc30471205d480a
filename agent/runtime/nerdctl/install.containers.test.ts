import { lstatSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "../../testing/wait-until.ts";
import { installContainerName } from "./options.ts";
import { nerdctl, TestNode } from "./testing/test-node.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.cleanUp());

const never = new AbortController().signal;
const isThere = (serverId: string) =>
  nerdctl("ps", "-a", "--format", "{{.Names}}").split("\n").includes(installContainerName(serverId));

describe("an install script", () => {
  it("fills the data folder as the server's user, with its output in the console", async () => {
    const launch = node.launch("true", { installScript: 'set -eu\necho "installing $FLAVOUR"\necho content >file\n' });
    const exit = await node.runtime().install({ ...launch, environment: { FLAVOUR: "vanilla" } }, never);
    expect(exit).toMatchObject({ exitCode: 0, signal: null, oomKilled: false });
    expect(readFileSync(join(launch.paths.data, "file"), "utf8")).toBe("content\n");
    expect(statSync(join(launch.paths.data, "file"))).toMatchObject({ uid: 988, gid: 988 });
    await waitUntil("the output", async () => (await node.consoleText(launch)) === "installing vanilla\n");
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("is root in its container alone: it adds to its image, and what it leaves belongs to the server", async () => {
    const installScript = [
      "#!/bin/busybox ash\r",
      "set -eu\r",
      "id -u; echo $HOME; touch /etc/added /usr/bin/tool; cd /mnt/server",
      "adduser -D -H -h / helper 2>/dev/null || true",
      "mkdir -p deep/er; echo a >deep/er/a; chown 4711:4711 deep/er/a; chmod 600 deep/er/a",
      "cp /bin/busybox root-shell; chmod 6755 root-shell; ln -s /etc/shadow link; mkfifo pipe; chown 0:0 pipe",
      "ln deep/er/a deep/hard; mknod disk b 8 0 2>/dev/null || echo no devices",
      "mount -t tmpfs none /mnt 2>/dev/null || echo no mounts",
      "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status",
    ].join("\n");
    const launch = node.launch("true", { installScript, memoryMb: 96 });
    const shadow = statSync("/etc/shadow");
    expect(await node.runtime().install(launch, never)).toMatchObject({ exitCode: 0 });
    const text = await waitUntil("the output", async () => {
      const console = await node.consoleText(launch);
      return console.includes("NoNewPrivs") && console;
    });
    const bounds = (1 << 0) | (1 << 1) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 18) | (1 << 31);
    const mask = (bounds >>> 0).toString(16).padStart(16, "0");
    expect(text).toBe(`0\n/root\nno devices\nno mounts\nCapEff:\t${mask}\nCapBnd:\t${mask}\nNoNewPrivs:\t1\n`);
    const of = (path: string) => lstatSync(join(launch.paths.data, path));
    for (const path of ["", "deep", "deep/er", "deep/er/a", "deep/hard", "root-shell", "link", "pipe"]) {
      expect(of(path), path).toMatchObject({ uid: 988, gid: 988 });
    }
    expect(of("root-shell").mode & 0o7777).toBe(0o755);
    expect(of("deep/er/a").mode & 0o7777).toBe(0o600);
    expect(statSync("/etc/shadow")).toMatchObject({ uid: shadow.uid, gid: shadow.gid, ctimeMs: shadow.ctimeMs });
  });

  it("that needs no root runs as the server's user on a read-only root", async () => {
    const installScript = "id -u; touch /etc/added 2>/dev/null || echo refused; touch made";
    const launch = node.launch("true", { installScript, installAsRoot: false });
    expect(await node.runtime().install(launch, never)).toMatchObject({ exitCode: 0 });
    await waitUntil("the output", async () => (await node.consoleText(launch)) === "988\nrefused\n");
  });

  it("that uses more memory than the server may is told apart", async () => {
    const launch = node.launch("true", { installScript: "tail /dev/zero", memoryMb: 32 });
    expect(await node.runtime().install(launch, never)).toMatchObject({ oomKilled: true });
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("that fails hands over what it made all the same", async () => {
    const launch = node.launch("true", { installScript: "echo half >half; exit 4" });
    expect(await node.runtime().install(launch, never)).toMatchObject({ exitCode: 4 });
    expect(statSync(join(launch.paths.data, "half"))).toMatchObject({ uid: 988, gid: 988 });
  });

  it.each([0, 40, 150, 300, 450, 700, 1000])("aborted after %i ms leaves no container", async (afterMs) => {
    const launch = node.launch("true", { installScript: "echo x >file; sleep 60" });
    const abort = new AbortController();
    const outcome = expect(node.runtime().install(launch, abort.signal)).rejects.toThrow("ended before it was done");
    await delay(afterMs);
    abort.abort();
    await outcome;
    expect(isThere(launch.spec.id)).toBe(false);
    const file = lstatSync(join(launch.paths.data, "file"), { throwIfNoEntry: false });
    expect(file?.uid ?? 988).toBe(988);
  });

  it("that fails tells its code", async () => {
    const launch = node.launch("true", { installScript: "echo no; exit 9" });
    expect(await node.runtime().install(launch, never)).toMatchObject({ exitCode: 9 });
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("that hangs is killed and removed by its deadline", async () => {
    const launch = node.launch("true", { installScript: "trap '' TERM; echo begun; while :; do sleep 1; done" });
    const abort = new AbortController();
    const install = node.runtime().install(launch, abort.signal);
    const outcome = expect(install).rejects.toThrow("ended before it was done");
    await waitUntil("the script", async () => (await node.consoleText(launch)) === "begun\n");
    abort.abort();
    await outcome;
    expect(isThere(launch.spec.id)).toBe(false);
  });

  it("that lost its agent is removed by the next one", async () => {
    const launch = node.launch("true", { installScript: "sleep 100" });
    const install = node
      .runtime()
      .install(launch, never)
      .catch((error: Error) => error);
    await waitUntil("the container", () => isThere(launch.spec.id));
    await node.watchedRuntime();
    await waitUntil("its removal", () => !isThere(launch.spec.id));
    expect(await install).toBeInstanceOf(Error);
  });
});
