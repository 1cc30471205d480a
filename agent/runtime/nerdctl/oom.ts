/** Whether a run that ended by SIGKILL was ended for want of memory. */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type CgroupFolders, cgroupOfEnded, readOomKills } from "./cgroup.ts";

/** A shim tells of a kill for want of memory and of the end by two threads: either may come first. */
const EVENT_WAIT_MS = 500;

/** The kernel's own count; null when nothing is left to read it from. */
export async function countOomKills(
  containerId: string,
  namespace: string,
  cgroup: CgroupFolders | null,
): Promise<number | null> {
  const folders = cgroup ?? cgroupOfEnded(containerId, namespace, await readFile("/proc/self/mountinfo", "utf8"));
  return folders && readOomKills(folders);
}

/** Waits for containerd's word where the kernel's cannot be had. */
export class OomEvents {
  readonly #waiting = new Map<string, () => void>();

  /** containerd told of a kill for want of memory. */
  tell(containerId: string): void {
    this.#waiting.get(containerId)?.();
  }

  /** Whether it is told within a short time. */
  async comes(containerId: string, waitMs = EVENT_WAIT_MS): Promise<boolean> {
    const isOver = new AbortController();
    const told = new Promise<boolean>((resolve) => this.#waiting.set(containerId, () => resolve(true)));
    try {
      return await Promise.race([told, delay(waitMs, false, { signal: isOver.signal })]);
    } finally {
      isOver.abort();
      this.#waiting.delete(containerId);
    }
  }
}
