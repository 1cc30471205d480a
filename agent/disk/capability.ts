/** Whether this node can put hard limits on disks, and what its disks may still come to take. Changes nothing. */
import { access, constants, readdir, readFile, readlink, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../../protocol/findings.ts";
import { ok, warning } from "../preflight/finding.ts";
import { findProgram } from "../preflight/programs.ts";
import { runProgram } from "../run-program.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import { IMAGE_NAME } from "./disk-paths.ts";

const PROGRAMS = ["mkfs.ext4", "e2fsck", "resize2fs", "losetup", "mount", "umount", "findmnt"];
const LOOP_CONTROL = "/dev/loop-control";
const GB = 1024 ** 3;
const BLOCK_BYTES = 512;
const ID = "disk-limits";
const SUBJECT = "Disk limits";

export interface DiskFacts {
  isRoot: boolean;
  hasLoopControl: boolean;
  knowsExt4: boolean;
  missingPrograms: string[];
  /** What the agent mounts is there for containerd too. */
  mountsForAll: boolean;
}

async function knowsExt4(): Promise<boolean> {
  if (/\bext4$/m.test(await readFile("/proc/filesystems", "utf8").catch(() => ""))) return true;
  // A module that is loaded by the first mount.
  return (await runProgram("modprobe", ["--dry-run", "ext4"]).catch(() => null))?.code === 0;
}

/** A service with file system protection has mounts of its own, which nobody else sees. */
async function mountsForAll(): Promise<boolean> {
  const [own, first] = await Promise.all(["self", "1"].map((pid) => readlink(`/proc/${pid}/ns/mnt`).catch(() => null)));
  return !own || !first || own === first;
}

export async function readDiskFacts(): Promise<DiskFacts> {
  const present = await Promise.all(PROGRAMS.map((program) => findProgram(program)));
  return {
    isRoot: process.getuid?.() === 0,
    hasLoopControl: await access(LOOP_CONTROL, constants.R_OK | constants.W_OK).then(
      () => true,
      () => false,
    ),
    knowsExt4: await knowsExt4(),
    mountsForAll: await mountsForAll(),
    missingPrograms: PROGRAMS.filter((_program, i) => present[i] === null),
  };
}

/** What keeps hard limits from being made, with its remedy; null when nothing does. */
export function softLimitCause(facts: DiskFacts): { message: string; remedy: string } | null {
  if (!facts.isRoot) return { message: "The agent does not run as root.", remedy: "Run it as root." };
  if (facts.missingPrograms.length > 0) {
    return {
      message: `${facts.missingPrograms.join(", ")} ${facts.missingPrograms.length === 1 ? "is" : "are"} not installed.`,
      remedy: "Install e2fsprogs, mount and util-linux.",
    };
  }
  if (!facts.hasLoopControl) {
    return { message: "There are no loop devices.", remedy: "Load the kernel module: modprobe loop." };
  }
  if (!facts.mountsForAll) {
    return {
      message: "The agent's service has mounts of its own, which containers would not see.",
      remedy: "Take PrivateTmp=, ProtectSystem= and the like out of its unit.",
    };
  }
  if (!facts.knowsExt4) {
    return { message: "The kernel has no ext4.", remedy: "Load the kernel module: modprobe ext4." };
  }
  return null;
}

export function limitFinding(facts: DiskFacts): Finding {
  const cause = softLimitCause(facts);
  if (!cause) return ok(ID, SUBJECT, "Hard: no server can write beyond its limit.");
  return warning(
    ID,
    SUBJECT,
    `${cause.message} Disk limits of new servers are soft: they are measured, not enforced while a game runs.`,
    cause.remedy,
  );
}

/** Bytes that the images of a node may still come to take: what they promise and do not use yet. */
export async function promisedBytes(dataDir: string): Promise<number> {
  const servers = join(dataDir, "servers");
  const images = (await readdir(servers).catch(() => [] as string[])).map((id) => join(servers, id, IMAGE_NAME));
  const promises = await Promise.all(
    images.map(async (image) => {
      const found = await stat(image).catch(() => null);
      return found ? Math.max(0, found.size - found.blocks * BLOCK_BYTES) : 0;
    }),
  );
  return promises.reduce((sum, bytes) => sum + bytes, 0);
}

/** Null while every promise can be kept. */
export function overcommitFinding(promised: number, free: number): Finding | null {
  if (promised <= free) return null;
  return warning(
    "disk-promised",
    "Promised disk space",
    `The servers' disks may still grow by ${(promised / GB).toFixed(1)} GiB, and ${(free / GB).toFixed(1)} GiB are free: their games get write errors when it runs out.`,
    "Free or add disk space, or lower the limits.",
  );
}

const PROCESS_FINDING = warning(
  ID,
  SUBJECT,
  "Disk limits are soft: what a server uses is measured, and one beyond its limit is not started again.",
  "Install containerd and nerdctl: games in containers have hard limits.",
);

/** @param dataDir the agent's; it may not be there yet. */
export async function checkDiskLimits(dataDir: string, runtime: ContainerRuntime["name"]): Promise<Finding[]> {
  const findings = [runtime === "process" ? PROCESS_FINDING : limitFinding(await readDiskFacts())];
  const node = await statfs(dataDir).catch(() => null);
  const overcommit = node && overcommitFinding(await promisedBytes(dataDir), node.bavail * node.bsize);
  return overcommit ? [...findings, overcommit] : findings;
}
