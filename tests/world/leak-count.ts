/** Counts what a node can leave behind: exactly, of one data folder and one containerd of its own. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PrivateContainerd } from "../../agent/testing/private-containerd.ts";
import type { Panel } from "./panel.ts";
import { namesFolder, processesOf, residentBytes } from "./processes.ts";

export type LeakCount = Record<string, number>;

const lines = (text: string, has = "") => text.split("\n").filter((line) => line !== "" && line.includes(has)).length;
const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
const mountsBelow = (folder: string) => lines(readFileSync("/proc/self/mountinfo", "utf8"), ` ${folder}`);

/** Files of any kind below a folder that a test of names accepts. */
function entries(folder: string, accepts: (path: string, isFifo: boolean) => boolean): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    accepts(join(entry.parentPath, entry.name), entry.isFIFO()),
  ).length;
}

/** Files of the agent that grow with the number of runs if anything does; a cancelled run is kept for ten minutes. */
const isRunFile = (path: string) => /-runtime\//.test(path) && !path.endsWith(".cancelled");

/** Of everything that stands on this machine for a panel's one node. */
export const countLeaks = (panel: Panel, containerd: PrivateContainerd | null): LeakCount =>
  countNodeLeaks(panel.ready.dataDir, panel.agentPid(), containerd);

/** Of everything that stands on this machine for one agent. */
export function countNodeLeaks(dataDir: string, agentPid: number, containerd: PrivateContainerd | null): LeakCount {
  const own: LeakCount = {
    "open files of the agent": openFiles(agentPid),
    "processes of games": processesOf("/servers/").filter((pid) => namesFolder(pid, dataDir)).length,
    mounts: mountsBelow(dataDir),
    FIFOs: entries(dataDir, (_path, isFifo) => isFifo),
    "records of runs": entries(dataDir, isRunFile),
  };
  return containerd ? { ...own, ...containerLeaks(containerd) } : own;
}

function containerLeaks(containerd: PrivateContainerd): LeakCount {
  const { folder, bridge, subnet, place } = containerd;
  // What they warn of is theirs.
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });
  const nerdctl = (...args: string[]) => run("nerdctl", ...containerd.globals, ...args);
  const ctr = (...args: string[]) => run("ctr", "--address", place.address, "--namespace", "catalyst", ...args);
  return {
    containers: lines(nerdctl("ps", "-a", "-q")),
    "containers at containerd": lines(ctr("containers", "list", "-q")),
    tasks: lines(ctr("tasks", "list", "-q")),
    shims: containerd.shims().length,
    snapshots: lines(ctr("snapshots", "list")),
    leases: lines(ctr("leases", "list", "-q")),
    networks: lines(nerdctl("network", "ls", "-q")),
    "mounts of containers": mountsBelow(folder),
    "links at the bridge": existsSync(`/sys/class/net/${bridge}/brif`)
      ? readdirSync(`/sys/class/net/${bridge}/brif`).length
      : 0,
    "firewall rules": lines(run("iptables-save"), subnet),
    "addresses in use": entries(join(folder, "addresses"), (path) => /\/\d+\.\d+\.\d+\.\d+$/.test(path)),
    "folders of containers": entries(join(folder, "nerdctl"), (path) =>
      /\/containers\/catalyst\/[0-9a-f]{64}$/.test(path),
    ),
    "copies of hosts files": entries(join(folder, "nerdctl"), (path) => /\/filesystem-ops\/[^/]+$/.test(path)),
    "names and ports held": entries(join(folder, "nerdctl"), (path) => /\/names\/catalyst\/[^/]+$/.test(path)),
    "FIFOs of containers": entries(folder, (_path, isFifo) => isFifo),
    "open files of containerd": openFiles(containerd.pid),
  };
}

export const residentMib = (pid: number): number => Math.round((residentBytes(pid) / 2 ** 20) * 10) / 10;

/** What there is more of than before, in words; empty when nothing is. Open files of a daemon breathe a little. */
export function grown(before: LeakCount, after: LeakCount): string[] {
  return Object.entries(after).flatMap(([what, count]) => {
    const slack = what.startsWith("open files") ? OPEN_FILES_SLACK : 0;
    const was = before[what] ?? 0;
    return count > was + slack ? [`${what}: ${was} before, ${count} after`] : [];
  });
}

/** Kept-alive connections and the like; a leak of one a cycle is far above. */
const OPEN_FILES_SLACK = 8;
