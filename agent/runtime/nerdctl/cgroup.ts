/** A container's use and limits as the kernel states them, for cgroup v1 and v2. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RuntimeUsage } from "../container-runtime.ts";

/** Folders of one cgroup: v2 has one for all, v1 one a controller. */
export interface CgroupFolders {
  version: 1 | 2;
  memory: string;
  cpu: string;
  pids: string;
}

const NS_IN_US = 1000;
/** Version 1 says "no limit" by a number close to 2^63. */
const UNLIMITED_BYTES = 2 ** 60;

export interface Mount {
  folder: string;
  /** Path inside the hierarchy that is mounted there. */
  root: string;
  version: 1 | 2;
  controllers: string[];
}

/** Parses `/proc/self/mountinfo`. */
export function parseCgroupMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line): Mount[] => {
    const [left, right] = line.split(" - ");
    const [type, , options] = (right ?? "").split(" ");
    const [, , , root = "", folder = ""] = (left ?? "").split(" ");
    if (type === "cgroup2") return [{ folder, root, version: 2, controllers: [] }];
    if (type === "cgroup") return [{ folder, root, version: 1, controllers: (options ?? "").split(",") }];
    return [];
  });
}

function inMount(mount: Mount, path: string): string {
  const isBelow = mount.root !== "/" && path.startsWith(mount.root);
  return join(mount.folder, isBelow ? path.slice(mount.root.length) : path);
}

/**
 * @param processCgroup content of `/proc/<pid>/cgroup`.
 * @param mounts where the hierarchies are mounted.
 */
export function findCgroup(processCgroup: string, mounts: readonly Mount[]): CgroupFolders | null {
  const paths = new Map<string, string>();
  for (const line of processCgroup.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path !== undefined) for (const controller of controllers!.split(",")) paths.set(controller, path);
  }
  const v1 = (controller: string): string | null => {
    const mount = mounts.find((candidate) => candidate.version === 1 && candidate.controllers.includes(controller));
    const path = paths.get(controller);
    return mount && path !== undefined ? inMount(mount, path) : null;
  };
  const memory = v1("memory");
  const cpu = v1("cpuacct");
  const pids = v1("pids");
  if (memory && cpu && pids) return { version: 1, memory, cpu, pids };
  const unified = mounts.find((mount) => mount.version === 2);
  const path = paths.get("");
  if (!unified || path === undefined) return null;
  const folder = inMount(unified, path);
  return { version: 2, memory: folder, cpu: folder, pids: folder };
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return null;
  }
}

const number = (text: string | null): number => Number(text?.trim() ?? "") || 0;

/** A value of a file of `name value` lines. */
function field(text: string | null, name: string): number {
  return number(new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1] ?? null);
}

/** The folders of a process's cgroup, when it belongs to that container; null when the process is gone or another's. */
export async function cgroupOfContainer(pid: number, containerId: string): Promise<CgroupFolders | null> {
  const [text, mountinfo] = await Promise.all([readText(`/proc/${pid}/cgroup`), readText("/proc/self/mountinfo")]);
  if (!text?.includes(containerId) || mountinfo === null) return null;
  return findCgroup(text, parseCgroupMounts(mountinfo));
}

/** Where nerdctl puts a container's cgroup: by its own driver, and by systemd. */
const cgroupPaths = (namespace: string, containerId: string) => [
  `/${namespace}/${containerId}`,
  `/system.slice/nerdctl-${containerId}.scope`,
];

/**
 * The folders of a container whose first process may be gone already: its cgroup stays until the container is removed,
 * unless systemd, which removes it with the last process, has it. Null when it is not there.
 *
 * @param mountinfo content of `/proc/self/mountinfo`.
 */
export function cgroupOfEnded(containerId: string, namespace: string, mountinfo: string): CgroupFolders | null {
  const mounts = parseCgroupMounts(mountinfo);
  for (const path of cgroupPaths(namespace, containerId)) {
    const lines = mounts.map(({ version, controllers }) =>
      version === 2 ? `0::${path}` : `1:${controllers.join(",")}:${path}`,
    );
    const folders = findCgroup(lines.join("\n"), mounts);
    if (folders && existsSync(folders.memory)) return folders;
  }
  return null;
}

/** Sums the interfaces of `/proc/<pid>/net/dev` but the loopback. */
export function parseNetworkBytes(netDev: string): { rx: number; tx: number } {
  let rx = 0;
  let tx = 0;
  for (const line of netDev.split("\n")) {
    const [, name, values] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === "lo") continue;
    const columns = values!.trim().split(/\s+/);
    rx += number(columns[0] ?? null);
    tx += number(columns[8] ?? null);
  }
  return { rx, tx };
}

/** The container's memory limit in bytes; 0 when there is none, null when its cgroup is gone. */
async function readMemoryLimit(folders: CgroupFolders): Promise<number | null> {
  const file = folders.version === 2 ? "memory.max" : "memory.limit_in_bytes";
  const text = await readText(join(folders.memory, file));
  if (text === null) return null;
  const bytes = number(text);
  return bytes < UNLIMITED_BYTES ? bytes : 0;
}

/** Present use of a container; null when its cgroup is gone. Memory is without page cache that can be dropped at once. */
export async function readUsage(folders: CgroupFolders, pid: number): Promise<RuntimeUsage | null> {
  const isV2 = folders.version === 2;
  const [memory, memoryStat, cpu, pids, netDev, memoryLimit] = await Promise.all([
    readText(join(folders.memory, isV2 ? "memory.current" : "memory.usage_in_bytes")),
    readText(join(folders.memory, "memory.stat")),
    readText(join(folders.cpu, isV2 ? "cpu.stat" : "cpuacct.usage")),
    readText(join(folders.pids, "pids.current")),
    readText(`/proc/${pid}/net/dev`),
    readMemoryLimit(folders),
  ]);
  if (memory === null || cpu === null) return null;
  const network = parseNetworkBytes(netDev ?? "");
  return {
    cpuUsageUs: isV2 ? field(cpu, "usage_usec") : Math.floor(number(cpu) / NS_IN_US),
    memoryBytes: Math.max(0, number(memory) - field(memoryStat, isV2 ? "inactive_file" : "total_inactive_file")),
    memoryLimitBytes: memoryLimit,
    networkRxBytes: network.rx,
    networkTxBytes: network.tx,
    processCount: number(pids),
  };
}

/**
 * How many processes of this cgroup the kernel killed for want of memory; null when the cgroup is gone. The kernel
 * counts before it kills: after an end the count is final.
 */
export async function readOomKills(folders: CgroupFolders): Promise<number | null> {
  const file = folders.version === 2 ? "memory.events" : "memory.oom_control";
  const text = await readText(join(folders.memory, file));
  return text === null ? null : field(text, "oom_kill");
}
