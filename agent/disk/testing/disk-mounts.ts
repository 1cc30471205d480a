/** What tests leave mounted below their own folder goes with the folder. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Mountpoints below `folder`, the innermost first. */
export function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((mountpoint) => mountpoint.startsWith(`${folder}/`))
    .reverse();
}

/**
 * Unmounts all of it; the loop devices go with their mounts. What a killed agent had begun to unmount may be gone
 * before its turn comes.
 */
export function unmountBelow(folder: string): void {
  for (const mountpoint of mountsBelow(folder)) {
    try {
      execFileSync("umount", ["--lazy", mountpoint], { stdio: "pipe" });
    } catch (error) {
      if (mountsBelow(folder).includes(mountpoint)) throw error;
    }
  }
}
