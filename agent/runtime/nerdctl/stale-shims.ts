/**
 * containerd that is killed between starting the shim of a container and noting where it listens does not find that
 * shim again: when it is back it deletes the bundle and leaves the process, which holds no game and nobody ever ends.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../log.ts";

/** One that ends as it should outlives its bundle for a moment, in which it may still tell containerd of the end. */
const GRACE_MS = 5_000;
const LOOK_INTERVAL_MS = 100;
/** The kernel keeps 15 characters of a name. */
const SHIM_NAME = "containerd-shim\n";
/** containerd puts a dot before the name of a bundle that it is deleting. */
const LOST_BUNDLE = /\/io\.containerd\.runtime\.v2\.task\/(?<of>[^/]+)\/\.?(?<id>[0-9a-f]{64}) \(deleted\)$/;

export interface StaleShimsOptions {
  namespace: string;
  log: Log;
  graceMs?: number;
}

/** The container of a shim that runs in a bundle which is no more, whichever containerd's it was; null for all others. */
async function lostContainer(pid: number, namespace: string): Promise<string | null> {
  try {
    const [name, folder] = await Promise.all([readFile(`/proc/${pid}/comm`, "utf8"), readlink(`/proc/${pid}/cwd`)]);
    if (name !== SHIM_NAME) return null;
    const { of, id } = LOST_BUNDLE.exec(folder)?.groups ?? {};
    return of === namespace ? (id ?? null) : null;
  } catch {
    return null;
  }
}

/** Ends them. @returns how many there were. */
export async function endStaleShims({ namespace, log, graceMs = GRACE_MS }: StaleShimsOptions): Promise<number> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 1);
  const look = async (pid: number) => ({ pid, containerId: await lostContainer(pid, namespace) });
  let stale = (await Promise.all(pids.map(look))).filter(({ containerId }) => containerId !== null);
  const deadline = performance.now() + graceMs;
  while (stale.length > 0 && performance.now() < deadline) {
    await delay(LOOK_INTERVAL_MS, undefined, { ref: false });
    const now = await Promise.all(stale.map(({ pid }) => look(pid)));
    // A pid that was given to another process is told by the container.
    stale = stale.filter(({ containerId }, index) => now[index]!.containerId === containerId);
  }
  for (const { pid, containerId } of stale) {
    log.warn({ containerId, pid }, "ended the shim of a container that is no more");
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }
  return stale.length;
}
