/** Which cgroup controllers this machine has, for the findings. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseCgroupMounts } from "./cgroup.ts";
import type { Controllers } from "./cgroup-findings.ts";
import { ioWeightKind } from "./node-limits.ts";

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

/** @param mountinfo content of `/proc/self/mountinfo`. */
export async function readControllers(mountinfo: string): Promise<Controllers> {
  const mounts = parseCgroupMounts(mountinfo);
  // The same answer by which starts go: what is found here is what servers get.
  const hasIoWeight = ioWeightKind(mounts) !== null;
  const names = mounts.filter((mount) => mount.version === 1).flatMap((mount) => mount.controllers);
  if (["memory", "cpu", "pids"].every((name) => names.includes(name))) {
    const memory = mounts.find((mount) => mount.version === 1 && mount.controllers.includes("memory"))?.folder ?? "/";
    const hasSwapLimit = await exists(join(memory, "memory.memsw.limit_in_bytes"));
    return { version: 1, names, hasSwapLimit, hasIoWeight };
  }
  const unified = mounts.find((mount) => mount.version === 2);
  const text = unified ? await readFile(join(unified.folder, "cgroup.controllers"), "utf8").catch(() => "") : "";
  const unifiedNames = text.trim().split(/\s+/).filter(Boolean);
  // The root has no memory.swap.max; any group below it does, where the kernel counts swap.
  const slice = unified ? join(unified.folder, "system.slice") : "";
  const hasSwapLimit = !(await exists(slice)) || (await exists(join(slice, "memory.swap.max")));
  return { version: 2, names: unifiedNames, hasSwapLimit, hasIoWeight };
}
