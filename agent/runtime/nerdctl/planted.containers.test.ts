/** What a hostile game sees from within, and what it can plant in its data folder. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyConfigFiles } from "../../config-files/apply-config-files.ts";
import { writeConsoleInput } from "../../console/console-input.ts";
import { wipeDataFolder } from "../../data-folder/wipe.ts";
import { copyFiles } from "../../disk/copy-files.ts";
import { removeData } from "../../reconcile/remove-data.ts";
import { DiskUsage } from "../../stats/disk-usage.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import type { LaunchSpec } from "../container-runtime.ts";
import { pidOf, processStatus, TestNode } from "./testing/test-node.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.cleanUp());

async function said(launch: LaunchSpec, word: string, deadlineMs = 30_000): Promise<string> {
  return waitUntil(
    `the console to say ${word}`,
    async () => {
      const text = await node.consoleText(launch);
      return text.includes(word) && text;
    },
    deadlineMs,
  );
}

describe("from inside a container", () => {
  it("no process, no mount and no file of the node, of the agent or of another server is in reach", async () => {
    const runtime = node.runtime();
    const neighbour = node.launch("echo mine > /data/secret; exec sleep 300");
    await runtime.start(neighbour);
    await waitUntil("the neighbour's file", () => readdirSync(neighbour.paths.data).includes("secret"));
    const look = `
      echo "pids: $(ls /proc | grep -c '^[0-9]')"
      for path in ${node.dataDir} ${neighbour.paths.data} /var/lib/catalyst /run/containerd /proc/1/root/etc/shadow; do
        ls "$path" > /dev/null 2>&1 && echo "reached: $path"
      done
      for device in /dev/sda /dev/vda /dev/mem /dev/kmsg /dev/loop0; do (: < $device) 2>/dev/null && echo "device: $device"; done
      mknod /data/disk b 8 0 2>/dev/null && echo "made a device"
      mount -t tmpfs none /mnt 2>/dev/null && echo mounted
      echo 1 2>/dev/null > /proc/sysrq-trigger && echo sysrq
      echo looked; exec sleep 300`;
    const launch = node.launch(look);
    await runtime.start(launch);
    const text = await said(launch, "looked");
    expect(text).not.toMatch(/reached|device|mounted|sysrq/);
    // tini, the shell and what it runs.
    expect(Number(/pids: (\d+)/.exec(text)![1])).toBeLessThan(8);
    expect(processStatus(pidOf(launch.spec.id), "CapEff")).toMatch(/^0+$/);
  });
});

describe("what a game plants in its data folder gives nobody anything outside of it", () => {
  it("a link, a hard link, a setuid program, a pipe and a folder that cannot be read, through every way of the agent", async () => {
    const runtime = node.runtime();
    const outside = join(node.dataDir, "outside.properties");
    writeFileSync(outside, "secret=1\n", { mode: 0o600 });
    const plant = `
      cd /data
      ln -s ${outside} linked.properties; ln -s ${node.dataDir} folder; ln -s / root
      ln ${outside} hard.properties 2>/dev/null && echo "hard link made"
      ln /etc/passwd hard-passwd 2>/dev/null && echo "hard link made"
      cp /bin/busybox own-shell && chmod 6755 own-shell
      mkfifo pipe.properties
      mkdir closed && touch closed/file && chmod 000 closed
      rm -f /run/catalyst/stdin 2>/dev/null && echo "removed its pipe"
      echo planted; exec sleep 300`;
    const launch = node.launch(plant);
    await runtime.start(launch);
    expect(await said(launch, "planted")).not.toMatch(/hard link made|removed its pipe/);
    const { data, root } = launch.paths;
    expect(lstatSync(join(data, "linked.properties")).isSymbolicLink()).toBe(true);
    // A setuid program is the game's user's own, and no mount of the node's honours more than that.
    expect(statSync(join(data, "own-shell")).uid).toBe(988);

    const owner = { uid: 988, gid: 988 };
    for (const path of ["linked.properties", "folder/outside.properties", "root/etc/hosts", "pipe.properties"]) {
      const configFiles = [{ path, parser: "properties" as const, values: { secret: "stolen" } }];
      const failures = await applyConfigFiles({ ...launch.spec, configFiles }, data, owner, {});
      expect(failures).toMatchObject([{ path }]);
    }
    expect(readFileSync(outside, "utf8")).toBe("secret=1\n");
    // A walk over links would count the node's whole disk.
    expect(await new DiskUsage().of(data)).toBeLessThan(16 * 1024 * 1024);
    await runtime.remove(launch.spec.id);
    await removeData(node.dataDir, root);
    expect(readFileSync(outside, "utf8")).toBe("secret=1\n");
    expect(readdirSync("/")).toContain("etc");
  });

  it("a device, a socket and a pipe, be it planted from outside by root: to no way of the agent, nor to the game", async () => {
    const secret = join(node.dataDir, "disk");
    writeFileSync(secret, "secret=1\n".padEnd(2 ** 20, "#"));
    const loop = execFileSync("losetup", ["--find", "--show", secret], { encoding: "utf8" }).trim();
    try {
      const runtime = node.runtime();
      const launch = node.launch(
        "read -r go; cat /data/disk.properties; (echo stolen=1 > /data/disk.properties); echo tried; exec sleep 300",
        { installScript: "cat /mnt/server/disk.properties; echo installed" },
      );
      await runtime.start(launch);
      const { data, root } = launch.paths;
      const minor = String(statSync(loop).rdev & 0xff);
      const plant = () => {
        execFileSync("mknod", ["-m", "666", join(data, "disk.properties"), "b", "7", minor]);
        // Endless to whoever reads it.
        execFileSync("mknod", ["-m", "666", join(data, "zero.properties"), "c", "1", "5"]);
        execFileSync("mkfifo", ["-m", "666", join(data, "pipe.properties")]);
        const listen = 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die "$!"';
        execFileSync("perl", ["-MIO::Socket::UNIX", "-e", listen, join(data, "socket.properties")]);
      };
      plant();
      // With no disk of its own the folder's mount knows devices: the container's devices are the line that holds.
      await writeConsoleInput(launch.paths, "go");
      expect(await said(launch, "tried")).not.toContain("secret");

      const names = readdirSync(data);
      expect(names).toHaveLength(4);
      const configFiles = names.map((path) => ({ path, parser: "properties" as const, values: { secret: "stolen" } }));
      const failures = await applyConfigFiles({ ...launch.spec, configFiles }, data, { uid: 988, gid: 988 }, {});
      expect(failures).toHaveLength(4);
      for (const { reason } of failures) expect(reason).toContain("not a file");
      expect(await new DiskUsage().of(data)).toBeLessThan(64 * 1024);
      expect(await copyFiles(data, mkdtempSync(join(node.dataDir, "copy-")), new AbortController().signal)).toBe(
        "done",
      );

      // An install ends with the hand-over: what is left is the server's user's, and no device.
      await runtime.remove(launch.spec.id);
      expect(await runtime.install(launch, new AbortController().signal)).toMatchObject({ exitCode: 0 });
      expect(await said(launch, "installed")).not.toContain("secret");
      expect(readdirSync(data).sort()).toEqual(["pipe.properties", "socket.properties"]);
      for (const name of readdirSync(data)) expect(lstatSync(join(data, name)).uid).toBe(988);

      for (const name of readdirSync(data)) rmSync(join(data, name));
      plant();
      await wipeDataFolder(data);
      expect(readdirSync(data)).toEqual([]);
      plant();
      await removeData(node.dataDir, root);
      expect(existsSync(root)).toBe(false);
      execFileSync("blockdev", ["--flushbufs", loop]);
      expect(readFileSync(secret, "utf8")).toMatch(/^secret=1\n#+$/);
    } finally {
      execFileSync("losetup", ["--detach", loop]);
    }
  });

  it("a console pipe that was replaced by a link or a file is never written through", async () => {
    const launch = node.launch("sleep 1");
    mkdirSync(launch.paths.root, { recursive: true });
    const outside = join(node.dataDir, "outside");
    writeFileSync(outside, "");
    writeFileSync(launch.paths.stdin, "");
    await expect(writeConsoleInput(launch.paths, "hello")).rejects.toThrow("cannot be written to");
    expect(readFileSync(launch.paths.stdin, "utf8") + readFileSync(outside, "utf8")).toBe("");
  });
});
