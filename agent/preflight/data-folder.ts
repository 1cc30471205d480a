/** The place where the servers live: room, and a file system that serves. */
import { readFile, realpath, statfs } from "node:fs/promises";
import type { Finding } from "../../protocol/findings.ts";
import { error, ok, warning } from "./finding.ts";
import { type Mount, mountOf } from "./mounts.ts";

const GIB = 1024 ** 3;
const FREE_MIN_BYTES = 2 * GIB;
const FREE_MIN_PART = 0.05;
/** A Minecraft world with a few plugins has thousands of files. */
const INODES_MIN_FREE = 50_000;

const LOST_AT_REBOOT = ["tmpfs", "ramfs", "devtmpfs"];
const REMOTE = ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"];

interface Space {
  totalBytes: number;
  freeBytes: number;
  /** Both 0 where the file system makes inodes as it needs them. */
  inodes: number;
  freeInodes: number;
}

const gib = (bytes: number) => `${Math.floor((bytes / GIB) * 10) / 10} GiB`;

export function judgeSpace(folder: string, { totalBytes, freeBytes, inodes, freeInodes }: Space): Finding[] {
  const message = `${gib(freeBytes)} of ${gib(totalBytes)} free in ${folder}.`;
  const isShort = freeBytes < FREE_MIN_BYTES || freeBytes < totalBytes * FREE_MIN_PART;
  const remedy = "Free some space, or move the data folder to a larger disk: a full disk stops games and backups.";
  const findings = [
    isShort ? warning("disk-space", "Disk space", message, remedy) : ok("disk-space", "Disk space", message),
  ];
  if (inodes === 0) return findings;
  const left = `${freeInodes} more files fit into ${folder}.`;
  findings.push(
    freeInodes < INODES_MIN_FREE
      ? warning("disk-inodes", "Number of files", left, "Delete folders with many small files, or use a larger disk.")
      : ok("disk-inodes", "Number of files", left),
  );
  return findings;
}

export function judgeMount(folder: string, mount: Mount | null): Finding {
  const id = "data-file-system";
  const subject = "Data file system";
  if (!mount)
    return warning(id, subject, `The file system of ${folder} cannot be told.`, "Check what is mounted there.");
  const where = `${folder} is on ${mount.type}`;
  if (mount.isReadOnly) {
    return error(id, subject, `${where}, mounted read-only.`, "Check the disk for damage, and mount it writable.");
  }
  if (LOST_AT_REBOOT.includes(mount.type)) {
    return warning(
      id,
      subject,
      `${where}: every game is lost when the machine restarts.`,
      "Put the data folder on a disk.",
    );
  }
  if (REMOTE.includes(mount.type)) {
    return warning(
      id,
      subject,
      `${where}, over the network: games stall when that is slow, and their file locks may not hold.`,
      "Put the data folder on a local disk.",
    );
  }
  return ok(id, subject, `${where}.`);
}

export async function checkDataFolder(dataDir: string): Promise<Finding[]> {
  const folder = await realpath(dataDir);
  const { blocks, bavail, bsize, files, ffree } = await statfs(folder);
  const space = { totalBytes: blocks * bsize, freeBytes: bavail * bsize, inodes: files, freeInodes: ffree };
  return [
    ...judgeSpace(folder, space),
    judgeMount(folder, mountOf(folder, await readFile("/proc/self/mountinfo", "utf8"))),
  ];
}
