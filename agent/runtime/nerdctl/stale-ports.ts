/**
 * nerdctl keeps a container's published ports taken by a `sleep` of its own that holds their sockets, and ends it when
 * the container goes. When containerd or the shim dies at the wrong moment nobody ends it, and nothing else ever would:
 * the server could not be started again.
 */
import { readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../../log.ts";

/** Where nerdctl notes them: `<namespace>/<container id>/port-reserver.pid`. */
const RESERVERS_FOLDER = "/run/nerdctl";
const CONTAINER_ID = /^[0-9a-f]{64}$/;

export interface StalePortsOptions {
  namespace: string;
  log: Log;
  folder?: string;
}

/**
 * Whether a process holds ports for a container that is no more. It runs in the container's bundle, which containerd
 * has for as long as there is a task, whichever containerd it is; a pid that was given to another process is told by it.
 */
async function isStale(pid: number, namespace: string, containerId: string): Promise<boolean> {
  try {
    const [name, folder] = await Promise.all([readFile(`/proc/${pid}/comm`, "utf8"), readlink(`/proc/${pid}/cwd`)]);
    // containerd puts a dot before the name of a bundle that it is deleting.
    const bundle = new RegExp(`/io\\.containerd\\.runtime\\.v2\\.task/${namespace}/\\.?${containerId} \\(deleted\\)$`);
    return name === "sleep\n" && bundle.test(folder);
  } catch {
    return false;
  }
}

/** Ends them. @returns how many there were. */
export async function releaseStalePorts(options: StalePortsOptions): Promise<number> {
  const { namespace, log, folder = RESERVERS_FOLDER } = options;
  const notes = join(folder, namespace);
  let released = 0;
  for (const containerId of await readdir(notes).catch(() => [])) {
    if (!CONTAINER_ID.test(containerId)) continue;
    const note = await readFile(join(notes, containerId, "port-reserver.pid"), "utf8").catch(() => "");
    const pid = Number(note.trim());
    if (!Number.isSafeInteger(pid) || pid < 2 || !(await isStale(pid, namespace, containerId))) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      continue;
    }
    await rm(join(notes, containerId), { recursive: true, force: true });
    log.warn({ containerId, pid }, "released the ports of a container that is no more");
    released++;
  }
  return released;
}
