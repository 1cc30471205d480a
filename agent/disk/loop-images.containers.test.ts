/** Hard limits on real loop devices. Needs root. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "../testing/wait-until.ts";
import { isMountpoint } from "./mounts.ts";
import { DiskWorld, MB } from "./testing/disk-world.ts";

let world: DiskWorld;
beforeEach(async () => {
  world = new DiskWorld();
  await world.prepare();
});
afterEach(() => world.cleanUp());

const wish = (diskMb: number) => ({ id: "server-1", diskMb });
const file = (name: string) => join(world.paths.data, name);
const mib = (count: number, value = 1) => Buffer.alloc(count * MB, value);

/** Writes until it cannot; how many bytes that were. */
function fill(path: string, maxBytes = Number.POSITIVE_INFINITY): number {
  const fd = openSync(path, "w");
  let written = 0;
  try {
    for (const block = mib(1); written < maxBytes; ) written += writeSync(fd, block);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
  } finally {
    closeSync(fd);
  }
  return written;
}

/** Nothing but what belongs there. */
function expectTidy(): void {
  expect(readdirSync(world.paths.root).sort()).toEqual(["console", "data", "disk.img", "records"]);
}

/** Whether root may resize what is mounted: it needs CAP_SYS_RESOURCE, which some services do without. */
function mayGrowMounted(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}

describe("the limit", () => {
  it("is where writing ends, whoever writes, and what is used is told in its terms", async () => {
    const disk = world.disk();
    await disk.prepare(wish(32), "start");
    const written = fill(file("big"));
    expect(written).toBeGreaterThan(24 * MB);
    expect(written).toBeLessThanOrEqual(32 * MB);
    const full = await disk.read(wish(32));
    expect(full).toMatchObject({ kind: "hard", limitBytes: 32 * MB, state: "full" });
    expect(full.usedBytes).toBeGreaterThan(31 * MB);
    expect(statSync(world.places.image).blocks * 512).toBeLessThanOrEqual(32 * MB + 64 * 1024);
    rmSync(file("big"));
    await waitUntil("room again", async () => (await disk.read(wish(32))).state === "ok");
  });

  it("counts files too: a disk without room for one more file is full", async () => {
    const disk = world.disk();
    await disk.prepare(wish(16), "start");
    const create = () => {
      for (let n = 0; ; n++) closeSync(openSync(file(String(n)), "w"));
    };
    expect(create).toThrow("ENOSPC");
    expect((await disk.read(wish(16))).state).toBe("full");
  });

  it("gives deleted space back to the node, and takes it all at once when it is to be reserved", async () => {
    const taken = () => statSync(world.places.image).blocks * 512;
    await world.disk().prepare(wish(32), "start");
    fill(file("big"), 16 * MB);
    execFileSync("sync", ["--file-system", world.paths.data]);
    expect(taken()).toBeGreaterThan(16 * MB);
    rmSync(file("big"));
    execFileSync("sync", ["--file-system", world.paths.data]);
    await waitUntil("the space to be free", () => taken() < 8 * MB, 20_000);

    const reserved = new DiskWorld();
    try {
      await reserved.prepare();
      await reserved.disk(reserved.images(true)).prepare(wish(32), "start");
      expect(statSync(reserved.places.image).blocks * 512).toBeGreaterThanOrEqual(32 * MB);
    } finally {
      reserved.cleanUp();
    }
  });

  it("holds for devices and setuid files that somebody planted: they are inert", async () => {
    await world.disk().prepare(wish(16), "start");
    execFileSync("mknod", [file("null"), "c", "1", "3"]);
    expect(() => readFileSync(file("null"))).toThrow("EACCES");
    execFileSync("cp", ["/usr/bin/id", file("id")]);
    execFileSync("chmod", ["4755", file("id")]);
    execFileSync("chmod", ["755", world.paths.data, world.paths.root, join(world.folder, "servers"), world.folder]);
    const { stdout } = spawnSync(file("id"), ["-u"], { uid: 988, gid: 988, encoding: "utf8" });
    expect(stdout.trim()).toBe("988");
  });

  it("leaves the game no writable folder beneath", async () => {
    const disk = world.disk();
    await disk.prepare(wish(16), "start");
    expect(statSync(world.paths.data)).toMatchObject({ uid: 988, gid: 988 });
    world.reboot();
    expect(statSync(world.paths.data)).toMatchObject({ uid: 0, gid: 0 });
    expect(statSync(world.paths.data).mode & 0o777).toBe(0o700);
  });
});

describe("another size", () => {
  it("grows with files in use, where the kernel lets the agent, else when they are not, and says so", async () => {
    const disk = world.disk();
    await disk.prepare(wish(32), "start");
    writeFileSync(file("world"), "precious");
    const inUse = openSync(file("world"), "r");
    await disk.settle(wish(64), false);
    const grown = await disk.read(wish(64));
    if (mayGrowMounted()) {
      expect(grown).toMatchObject({ limitBytes: 64 * MB, notice: null });
    } else {
      expect(grown).toMatchObject({ limitBytes: 32 * MB, notice: expect.stringMatching(/waits/) });
      expect(fill(file("big"))).toBeLessThanOrEqual(32 * MB);
    }
    closeSync(inUse);
    await disk.prepare(wish(64), "start");
    expect(await disk.read(wish(64))).toMatchObject({ limitBytes: 64 * MB, notice: null });
    expect(fill(file("big"))).toBeGreaterThan(54 * MB);
    expect(readFileSync(file("world"), "utf8")).toBe("precious");
    expectTidy();
  });

  it("shrinks at rest when the files fit, and keeps them as they are", async () => {
    const disk = world.disk();
    await disk.prepare(wish(64), "start");
    mkdirSync(file("folder"));
    writeFileSync(file("folder/world"), mib(8, 7), { mode: 0o640 });
    execFileSync("ln", [file("folder/world"), file("same")]);
    execFileSync("ln", ["-s", "/etc/passwd", file("link")]);
    execFileSync("chown", ["-hR", "988:988", world.paths.data]);
    await disk.settle(wish(20), false);
    expect((await disk.read(wish(20))).limitBytes).toBe(64 * MB);
    await disk.settle(wish(20), true);
    await disk.whenSettled();
    expect(await disk.read(wish(20))).toMatchObject({ limitBytes: 20 * MB, notice: null });
    expect(readFileSync(file("same")).equals(mib(8, 7))).toBe(true);
    expect(statSync(file("folder/world"))).toMatchObject({ uid: 988, nlink: 2, mode: 0o100640 });
    expect(readdirSync(world.paths.data).sort()).toEqual(["folder", "link", "same"]);
    expect(fill(file("big"))).toBeLessThanOrEqual(12 * MB);
    expect(await world.loops()).toHaveLength(1);
    expectTidy();
  });

  it("does not shrink below what is there", async () => {
    const disk = world.disk();
    await disk.prepare(wish(64), "start");
    writeFileSync(file("world"), mib(30));
    await disk.settle(wish(32), true);
    await disk.whenSettled();
    expect(await disk.read(wish(32))).toMatchObject({
      limitBytes: 64 * MB,
      notice: expect.stringMatching(/32 MiB, is too small for the files/),
    });
    expect(readFileSync(file("world")).equals(mib(30))).toBe(true);
    expectTidy();
  });

  it("does not shrink under files that are in use", async () => {
    const disk = world.disk();
    await disk.prepare(wish(64), "start");
    const inUse = openSync(file("world"), "w");
    await disk.settle(wish(32), true);
    await disk.whenSettled();
    expect(await disk.read(wish(32))).toMatchObject({ limitBytes: 64 * MB, notice: expect.stringMatching(/in use/) });
    writeSync(inUse, "still there");
    closeSync(inUse);
    expect(readFileSync(file("world"), "utf8")).toBe("still there");
    expectTidy();
  });

  it("is not taken when files change while they are copied", async () => {
    const path = world.pathWith({ cp: `/bin/cp "$@"; echo changed > ${file("world")}` });
    const { output } = await settleIn(world, 32, { before: 64, path });
    expect(output).toMatchObject({ limitBytes: 64 * MB, notice: expect.stringMatching(/changed meanwhile/) });
    expect(readFileSync(file("world"), "utf8")).toBe("changed\n");
    expectTidy();
  });

  it("can be small and then very large", async () => {
    const disk = world.disk();
    await disk.prepare(wish(16), "start");
    writeFileSync(file("world"), "precious");
    await disk.prepare(wish(300_000), "start");
    expect(await disk.read(wish(300_000))).toMatchObject({ limitBytes: 300_000 * MB, state: "ok" });
    expect(readFileSync(file("world"), "utf8")).toBe("precious");
  });
});

describe("a plain folder from before", () => {
  it("goes into a disk with all of its files when it fits", async () => {
    writeFileSync(file("world"), mib(3, 5), { mode: 0o600 });
    const disk = world.disk();
    await disk.settle(wish(32), false);
    expect(await disk.read(wish(32))).toMatchObject({ kind: "soft" });
    await disk.settle(wish(32), true);
    await disk.whenSettled();
    expect(await disk.read(wish(32))).toMatchObject({ kind: "hard", limitBytes: 32 * MB, notice: null });
    expect(readFileSync(file("world")).equals(mib(3, 5))).toBe(true);
    expectTidy();
  });

  it("stays, named soft, when it does not fit", async () => {
    writeFileSync(file("world"), mib(20));
    const disk = world.disk();
    await disk.settle(wish(16), true);
    await disk.whenSettled();
    expect(await disk.read(wish(16))).toMatchObject({ kind: "soft", notice: expect.stringMatching(/too small/) });
    expect(statSync(file("world")).size).toBe(20 * MB);
    await expect(disk.prepare(wish(16), "start")).rejects.toThrow(/uses .* MiB of disk/);
  });

  it("is the one that counts when a kill came before the disk was in place", async () => {
    writeFileSync(file("world"), "precious");
    execFileSync("mv", [world.paths.data, world.places.aside]);
    writeFileSync(world.places.making, "half");
    await world.prepare();
    const disk = world.disk();
    await disk.settle(wish(16), true);
    await disk.whenSettled();
    expect(await disk.read(wish(16))).toMatchObject({ kind: "hard" });
    expect(readFileSync(file("world"), "utf8")).toBe("precious");
    expectTidy();
  });
});

describe("after a power cut", () => {
  it("is mounted again with what was on it", async () => {
    await world.disk().prepare(wish(16), "start");
    writeFileSync(file("world"), "precious");
    world.reboot();
    await waitUntil("the loop device to go", async () => (await world.loops()).length === 0);
    expect(existsSync(file("world"))).toBe(false);
    await world.disk().settle(wish(16), false);
    expect(readFileSync(file("world"), "utf8")).toBe("precious");
    expect(await world.loops()).toHaveLength(1);
  });

  it("is found as it is by the next agent, without a second mount", async () => {
    await world.disk().prepare(wish(16), "start");
    const inUse = openSync(file("world"), "w");
    await world.disk().prepare(wish(16), "start");
    writeSync(inUse, "written through");
    closeSync(inUse);
    expect(readFileSync(file("world"), "utf8")).toBe("written through");
    expect(await world.loops()).toHaveLength(1);
  });

  it("is mounted once more where it was unmounted under a server that runs", async () => {
    await world.disk().prepare(wish(16), "start");
    const inUse = openSync(file("world"), "w");
    world.reboot();
    expect(existsSync(file("world"))).toBe(false);
    const disk = world.disk();
    await disk.settle(wish(16), false);
    writeSync(inUse, "the same disk");
    closeSync(inUse);
    expect(readFileSync(file("world"), "utf8")).toBe("the same disk");
    expect(await world.loops()).toHaveLength(1);
    expect((await disk.read(wish(16))).notice).toBeNull();
  });

  it("is repaired when it was not unmounted cleanly", async () => {
    await world.disk().prepare(wish(16), "start");
    writeFileSync(file("world"), "precious");
    execFileSync("sync", ["--file-system", world.paths.data]);
    // The image as it is at this moment, its journal still open.
    execFileSync("cp", ["--sparse=always", world.places.image, join(world.folder, "torn")]);
    world.reboot();
    await waitUntil("the loop device to go", async () => (await world.loops()).length === 0);
    execFileSync("mv", [join(world.folder, "torn"), world.places.image]);
    const header = execFileSync("dumpe2fs", ["-h", world.places.image], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(header).toContain("needs_recovery");
    await world.disk().prepare(wish(16), "start");
    expect(readFileSync(file("world"), "utf8")).toBe("precious");
  });

  it("is not used when it cannot be repaired, and nothing of it is lost", async () => {
    await world.disk().prepare(wish(16), "start");
    writeFileSync(file("world"), "precious");
    world.reboot();
    await waitUntil("the loop device to go", async () => (await world.loops()).length === 0);
    const whole = readFileSync(world.places.image);
    const damaged = Buffer.from(whole);
    damaged.fill(0xff, 0, 64 * 1024);
    writeFileSync(world.places.image, damaged);
    const disk = world.disk();
    await disk.settle(wish(16), true);
    expect((await disk.read(wish(16))).notice).toMatch(/damaged/);
    await expect(disk.prepare(wish(16), "start")).rejects.toThrow(/damaged .* Nothing was deleted/);
    expect(await isMountpoint(world.paths.data)).toBe(false);
    expect(await world.loops()).toEqual([]);
    writeFileSync(world.places.image, whole);
    await disk.prepare(wish(16), "start");
    expect(readFileSync(file("world"), "utf8")).toBe("precious");
  });

  it("is not used while something else is mounted in its place", async () => {
    await world.disk().prepare(wish(16), "start");
    world.reboot();
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", world.paths.data]);
    await expect(world.disk().prepare(wish(16), "start")).rejects.toThrow(/Something else is mounted/);
  });
});

describe("a node that promised more than it has", () => {
  let node: string;
  beforeEach(() => {
    node = join(world.folder, "node");
    mkdirSync(node);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", node]);
  });

  it("gives its games write errors, and their disks are whole again when there is room", async () => {
    const crowded = new DiskWorld(node);
    await crowded.prepare();
    const disk = crowded.disk();
    await disk.prepare(wish(64), "start");
    const precious = join(crowded.paths.data, "precious");
    writeFileSync(precious, "precious");
    execFileSync("sync", ["--file-system", crowded.paths.data]);
    // Cached writes succeed; the kernel finds out that there is no room for them when it writes them down.
    const big = join(crowded.paths.data, "big");
    spawnSync("dd", ["if=/dev/zero", `of=${big}`, "bs=1M", "count=40", "conv=fsync"]);
    expect(statfsSync(node).bavail).toBe(0);
    const { usedBytes, limitBytes } = await disk.read(wish(64));
    expect(usedBytes).toBeLessThanOrEqual(limitBytes);

    execFileSync("mount", ["-o", "remount,size=200m", node]);
    await disk.prepare(wish(64), "start");
    expect(readFileSync(precious, "utf8")).toBe("precious");
    rmSync(big, { force: true });
    writeFileSync(big, mib(40, 3));
    // The first one to ask is told of the failure that is over.
    spawnSync("sync", ["--file-system", crowded.paths.data]);
    await disk.release();
    await disk.prepare(wish(64), "start");
    expect(readFileSync(big).equals(mib(40, 3))).toBe(true);
    await disk.release();
  });

  it("refuses to reserve what it does not have, in words, and keeps the disk as it is", async () => {
    const crowded = new DiskWorld(node);
    await crowded.prepare();
    const disk = crowded.disk(crowded.images(true));
    await expect(disk.prepare(wish(64), "start")).rejects.toThrow(/not enough free disk space/);
    expect(readdirSync(crowded.paths.root)).not.toContain("disk.new");
    await disk.prepare(wish(16), "start");
    await disk.prepare(wish(64), "start");
    expect(await disk.read(wish(64))).toMatchObject({
      limitBytes: 16 * MB,
      notice: expect.stringMatching(/64 MiB, could not be set\. The node has not enough free disk space/),
    });
    await disk.release();
  });
});

describe("letting go", () => {
  it("leaves no mount and no loop device, may be repeated, and needs no folder", async () => {
    const disk = world.disk();
    await disk.prepare(wish(16), "start");
    await disk.release();
    await disk.release();
    expect(await isMountpoint(world.paths.data)).toBe(false);
    expect(await world.loops()).toEqual([]);
    rmSync(world.paths.root, { recursive: true });
    await world.disk().release();
  });

  it("does not wait for somebody who has a file open there; the device goes with that file", async () => {
    const disk = world.disk();
    await disk.prepare(wish(16), "start");
    const inUse = openSync(file("world"), "w");
    await disk.release();
    expect(await isMountpoint(world.paths.data)).toBe(false);
    rmSync(world.paths.root, { recursive: true });
    closeSync(inUse);
    await waitUntil("the loop device to go", async () => (await world.loops()).length === 0);
  });

  it("detaches a device that somebody attached by hand", async () => {
    const disk = world.disk();
    await disk.prepare(wish(16), "start");
    await disk.release();
    execFileSync("losetup", ["--find", world.places.image]);
    expect(await world.loops()).toHaveLength(1);
    await disk.release();
    await waitUntil("the loop device to go", async () => (await world.loops()).length === 0);
  });
});

interface Settled {
  signal: string | null;
  output: { limitBytes: number; kind: string; notice: string | null };
}

/** What was there: a disk of so many MiB with a file, a plain folder with a file, or nothing. */
type Before = number | "plain" | "nothing";

/** Settles in a process of its own that finds programs by `path`. */
async function settleIn(
  where: DiskWorld,
  diskMb: number,
  { before, path }: { before: Before; path: string },
): Promise<Settled> {
  if (typeof before === "number") await where.disk().settle(wish(before), true);
  if (before !== "nothing") writeFileSync(join(where.paths.data, "world"), "precious");
  const args = ["agent/disk/testing/settle-process.ts", where.folder, String(diskMb)];
  const env = { ...process.env, PATH: path };
  const { signal, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", env });
  return { signal, output: stdout === "" ? null : JSON.parse(stdout) };
}

describe("an agent that is killed", () => {
  const PROGRAMS = ["truncate", "mkfs.ext4", "sync", "e2fsck", "mount", "losetup", "cp", "umount", "resize2fs"];
  /** Each program kills its caller when its turn has come, then does its work: as a child would that outlives the agent. */
  const killing = (turn: number) =>
    Object.fromEntries(
      PROGRAMS.map((name) => [
        name,
        `n=$(($(cat ${world.folder}/turn 2>/dev/null || echo 0) + 1)); echo $n > ${world.folder}/turn
if [ $n -eq ${turn} ]; then kill -KILL $PPID; fi
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec ${name} "$@"`,
      ]),
    );

  /** Kills at every program in turn until one life goes through, and looks whether the next agent has all it needs. */
  async function killAtEachStep(diskMb: number, before: Before): Promise<number> {
    for (let turn = 1; ; turn++) {
      const path = world.pathWith(killing(turn));
      const { signal } = await settleIn(world, diskMb, { before, path });
      rmSync(join(world.folder, "turn"), { force: true });
      if (turn % 2 === 0) world.reboot();
      await world.prepare();
      const disk = world.disk();
      await waitUntil(
        `a disk after a kill at step ${turn}`,
        async () => {
          await disk.settle(wish(diskMb), true);
          await disk.whenSettled();
          const { kind, limitBytes } = await disk.read(wish(diskMb));
          return kind === "hard" && limitBytes === diskMb * MB;
        },
        20_000,
      );
      if (before !== "nothing") expect(readFileSync(file("world"), "utf8")).toBe("precious");
      expect(fill(file("big"))).toBeGreaterThan(0.6 * diskMb * MB);
      expectTidy();
      await waitUntil("one loop device", async () => (await world.loops()).length === 1);
      world.cleanUp();
      world = new DiskWorld();
      await world.prepare();
      if (signal === null) return turn - 1;
    }
  }

  it("while a disk is made leaves nothing half", async () => {
    expect(await killAtEachStep(16, "nothing")).toBeGreaterThanOrEqual(5);
  });

  it("while files are moved from a plain folder loses none", async () => {
    expect(await killAtEachStep(16, "plain")).toBeGreaterThanOrEqual(9);
  });

  it("while a disk shrinks loses no file", async () => {
    expect(await killAtEachStep(16, 32)).toBeGreaterThanOrEqual(8);
  });

  it("while a disk grows loses no file", async () => {
    expect(await killAtEachStep(32, 16)).toBeGreaterThanOrEqual(2);
  });
});
