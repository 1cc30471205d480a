import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cgroupOfEnded, findCgroup, parseCgroupMounts, parseNetworkBytes, readOomKills, readUsage } from "./cgroup.ts";

const V1_MOUNTS = `
30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids
34 30 0:30 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw
`;
const V2_MOUNTS = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

describe("the folders of a container's cgroup", () => {
  it("are one a controller in version 1", () => {
    const process = "4:memory:/catalyst/abc\n3:cpu,cpuacct:/catalyst/abc\n2:pids:/catalyst/abc\n0::/\n";
    expect(findCgroup(process, parseCgroupMounts(V1_MOUNTS))).toEqual({
      version: 1,
      memory: "/sys/fs/cgroup/memory/catalyst/abc",
      cpu: "/sys/fs/cgroup/cpu,cpuacct/catalyst/abc",
      pids: "/sys/fs/cgroup/pids/catalyst/abc",
    });
  });

  it("are one for all in version 2", () => {
    const folder = "/sys/fs/cgroup/system.slice/nerdctl-abc.scope";
    expect(findCgroup("0::/system.slice/nerdctl-abc.scope\n", parseCgroupMounts(V2_MOUNTS))).toEqual({
      version: 2,
      memory: folder,
      cpu: folder,
      pids: folder,
    });
  });

  it("are none without a hierarchy", () => {
    expect(findCgroup("0::/x\n", [])).toBeNull();
  });
});

describe("the cgroup of a container whose process is gone", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cgroup-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const placed = (mounts: string) => mounts.replaceAll("/sys/fs/cgroup", folder);

  it.each([
    ["version 1", V1_MOUNTS, "memory/games/abc", 1],
    ["version 2", V2_MOUNTS, "games/abc", 2],
    ["version 2 under systemd, in its moment", V2_MOUNTS, "system.slice/nerdctl-abc.scope", 2],
  ] as const)("is found by its name, in %s", (_what, mounts, path, version) => {
    expect(cgroupOfEnded("abc", "games", placed(mounts))).toBeNull();
    mkdirSync(join(folder, path), { recursive: true });
    expect(cgroupOfEnded("abc", "games", placed(mounts))).toMatchObject({ version, memory: join(folder, path) });
    expect(cgroupOfEnded("abc", "others", placed(mounts))).toEqual(
      path.startsWith("system") ? expect.anything() : null,
    );
  });
});

describe("what a container uses", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cgroup-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);

  it("is read from version 2's files, without droppable cache", async () => {
    write("memory.current", "5000\n");
    write("memory.stat", "anon 10\ninactive_file 1000\n");
    write("cpu.stat", "usage_usec 42\nuser_usec 40\n");
    write("pids.current", "7\n");
    write("memory.events", "low 0\noom 3\noom_kill 2\n");
    const folders = { version: 2, memory: folder, cpu: folder, pids: folder } as const;
    expect(await readUsage(folders, process.pid)).toMatchObject({ memoryBytes: 4000, cpuUsageUs: 42, processCount: 7 });
    expect(await readOomKills(folders)).toBe(2);
  });

  it("is read from version 1's files", async () => {
    write("memory.usage_in_bytes", "5000\n");
    write("memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n");
    write("cpuacct.usage", "42999\n");
    write("pids.current", "7\n");
    write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    const folders = { version: 1, memory: folder, cpu: folder, pids: folder } as const;
    expect(await readUsage(folders, process.pid)).toMatchObject({ memoryBytes: 3000, cpuUsageUs: 42, processCount: 7 });
    expect(await readOomKills(folders)).toBe(1);
  });

  it("is nothing when the cgroup is gone", async () => {
    const folders = { version: 2, memory: join(folder, "gone"), cpu: join(folder, "gone"), pids: folder } as const;
    expect(await readUsage(folders, process.pid)).toBeNull();
    expect(await readOomKills(folders)).toBeNull();
  });

  it("counts the traffic of all interfaces but the loopback", () => {
    const text = `Inter-|   Receive  |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes
    lo:     900       1    0    0    0     0          0         0      900       1    0    0    0     0       0          0
  eth0:    1000      10    0    0    0     0          0         0      200       2    0    0    0     0       0          0
  eth1:      50      10    0    0    0     0          0         0        5       2    0    0    0     0       0          0
`;
    expect(parseNetworkBytes(text)).toEqual({ rx: 1050, tx: 205 });
  });
});
