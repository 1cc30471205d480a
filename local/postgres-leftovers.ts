/**
 * Ends what an earlier run left of a Postgres cluster, so that the next server finds it free.
 *
 * A run that was killed can leave more than a server: a server process that lost its postmaster and still works, an
 * initdb that nobody waits for, and a pid file whose number belongs to somebody else by now or to a process that has
 * ended and was not collected. Postgres itself takes each of these for a running server and refuses to start.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endProcess, identify, type ProcessIdentity } from "./process-identity.ts";

/** Time a fast shutdown gets. */
const SHUTDOWN_DEADLINE_MS = 20_000;
/** Server processes notice by themselves that their postmaster is gone, unless they are deep in something. */
const ORPHAN_DEADLINE_MS = 3_000;
/** What may stand before the server in its process: see `end-with-parent.ts` and `asPostgresUser`. */
const PROGRAMS = new Set(["postgres", "initdb", "setpriv", "sh"]);

interface ClusterProcess {
  identity: ProcessIdentity;
  /** Started with the cluster's name, as the postmaster and initdb are; their own children are not. */
  isNamed: boolean;
}

/** @param folders the cluster's folder, and where it is made before it is moved there. The caller holds them alone. */
export async function endLeftovers(folders: { cluster: string; unfinished: string }): Promise<void> {
  const pidFile = join(folders.cluster, "postmaster.pid");
  if (process.platform !== "linux") return endByPidFile(pidFile, folders.cluster);
  const paths = [folders.cluster, folders.unfinished];
  const named = processesOf(paths).filter((found) => found.isNamed);
  await Promise.all(named.map(({ identity }) => endProcess(identity, "SIGINT", SHUTDOWN_DEADLINE_MS)));
  const deadline = performance.now() + ORPHAN_DEADLINE_MS;
  let orphans = processesOf(paths);
  while (orphans.length > 0 && performance.now() < deadline) {
    await delay(20);
    orphans = processesOf(paths);
  }
  await Promise.all(orphans.map(({ identity }) => endProcess(identity, "SIGKILL")));
  // Nobody is left whom it could name.
  rmSync(pidFile, { force: true });
}

function processesOf(folders: string[]): ClusterProcess[] {
  const names = new Set(folders.flatMap((folder) => [folder, `--pgdata=${folder}`]));
  const places = new Set(folders.map(realPath));
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && PROGRAMS.has(procText(pid, "comm").trim()))
    .flatMap((pid) => {
      const isNamed = procText(pid, "cmdline")
        .split("\0")
        .some((argument) => names.has(argument));
      const identity = isNamed || places.has(workingFolder(pid)) ? identify(pid) : null;
      return identity ? [{ identity, isNamed }] : [];
    });
}

/** Where there is no `/proc`: the pid file alone says who it was, and Postgres judges the rest. */
async function endByPidFile(pidFile: string, cluster: string): Promise<void> {
  let text = "";
  try {
    text = readFileSync(pidFile, "utf8");
  } catch {
    return;
  }
  const [pid, folder] = text.split("\n");
  const identity = identify(Number(pid));
  if (identity && folder === cluster) await endProcess(identity, "SIGINT", SHUTDOWN_DEADLINE_MS);
}

function procText(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
