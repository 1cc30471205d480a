/**
 * The hard limit of choice: every server's files are in an ext4 image of exactly the size of its limit, mounted as its
 * data folder through a loop device. Whoever writes there, game, install script or agent, gets ENOSPC at the limit.
 *
 * An image is made under another name and renamed, so that one under its own name is always whole. The loop device
 * belongs to its mount and goes with it. Images are sparse unless told otherwise, and give back what is deleted.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  truncate,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FileOwner } from "../console/server-paths.ts";
import type { Log } from "../log.ts";
import { syncFolder } from "../records/atomic-file.ts";
import { demandProgram, type ProgramResult, runProgram } from "../run-program.ts";
import { RuntimeError, type ServerPaths } from "../runtime/container-runtime.ts";
import { copyFiles, folderBytes } from "./copy-files.ts";
import { type DiskPaths, diskPaths } from "./disk-paths.ts";
import type { DiskMeasure, HardLimit, RemakeOutcome } from "./hard-limit.ts";
import { isMountpoint, type LoopDevice, loopMountedOn, loopsOf } from "./mounts.ts";
import { readSuperblock } from "./superblock.ts";

const MB = 1024 * 1024;
const GB = 1024 * MB;
/** Bit of e2fsck's exit code from which on something is left that it did not repair. */
const FSCK_UNREPAIRED = 4;
/** With less than this ext4 refuses what is written in larger pieces, though it still has some blocks. */
const WRITE_SLACK_BYTES = MB;
/** How long a folder that somebody has open is waited for before it is let go of behind their back. */
const BUSY_PATIENCE_MS = 3_000;
const BUSY_PAUSE_MS = 100;
/** Left free on the node when files are copied from one place to another. */
const NODE_SPARE_BYTES = 64 * MB;

const DAMAGED =
  "This server's disk is damaged and could not be repaired automatically. Nothing was deleted; an administrator of the node can repair it.";

const NO_ROOM = "The node has not enough free disk space for this server's disk.";

const inWords = (error: unknown): unknown =>
  /No space left|ENOSPC/.test((error as Error).message) ? new RuntimeError(NO_ROOM) : error;

export interface LoopImagesOptions {
  /** Whom the root of a new disk belongs to. */
  gameOwner: FileOwner;
  /** Whether images take their whole size on the node at once, so that no promise can be broken. */
  isReserved: boolean;
  log: Log;
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** A file system is made of groups, the last of which is left out when it would hold hardly more than its own tables. */
const GROUP_BYTES = 128 * MB;
const GROUP_LEFT_OUT_MAX_BYTES = 4 * MB;

/** Whether a file system takes all of its image that it can. */
export function fills(fileSystemBytes: number, imageBytes: number): boolean {
  const tail = imageBytes % GROUP_BYTES;
  return fileSystemBytes >= imageBytes - (tail < GROUP_LEFT_OUT_MAX_BYTES ? tail : 0);
}

/** As the kernel names it, whatever links lead there. */
const realName = async (file: string) => join(await realpath(dirname(file)), basename(file));

/** Megabytes of journal: enough for its size, without eating up a small disk. */
export function journalMb(limitBytes: number): number {
  if (limitBytes < GB) return 4;
  return limitBytes < 16 * GB ? 16 : 64;
}

/** What the file system keeps for itself at most: journal, inode tables, a little more. */
export const overheadBytes = (limitBytes: number): number =>
  journalMb(limitBytes) * MB + Math.ceil(limitBytes / 50) + MB / 2;

export function formatArguments(image: string, limitBytes: number, { uid, gid }: FileOwner): string[] {
  return [
    "-q",
    "-F",
    // Small blocks, which small disks get by default, could not grow far.
    ...["-b", "4096", "-I", "256", "-i", "16384", "-m", "0"],
    ...["-J", `size=${journalMb(limitBytes)}`],
    // Discarding would undo a reservation; a sparse file reads as zeros already.
    ...["-E", `nodiscard,lazy_itable_init=1,lazy_journal_init=1,root_owner=${uid}:${gid}`],
    image,
  ];
}

export class LoopImages implements HardLimit {
  readonly #options: LoopImagesOptions;

  constructor(options: LoopImagesOptions) {
    this.#options = options;
  }

  async tidy(paths: ServerPaths): Promise<void> {
    await this.#tidy(diskPaths(paths));
  }

  async isMade(paths: ServerPaths): Promise<boolean> {
    return exists(diskPaths(paths).image);
  }

  async make(paths: ServerPaths, limitBytes: number): Promise<void> {
    const places = diskPaths(paths);
    await this.#makeImage(places.making, limitBytes);
    await this.#commit(places);
  }

  async attach(paths: ServerPaths, isAtRest: boolean): Promise<void> {
    const places = diskPaths(paths);
    const mounted = await this.#mounted(places);
    if (mounted) {
      if (!isAtRest) return;
      const superblock = await readSuperblock(mounted.device);
      if (!superblock?.hasErrors) return;
      if (!(await this.#unmount(places.data))) return;
    }
    await this.#prepareMountpoint(places.data);
    const [inUse] = isAtRest ? [] : await this.#loopsOf(places.image);
    // Unmounted behind our back, and still in use by the server: what its container has is mounted here once more.
    if (inUse) await demandProgram("mount", ["-o", "nosuid,nodev,noatime", "--", inUse.device, places.data]);
    else {
      await this.#check(places.image);
      await this.#mount(places.image, places.data);
    }
    if (!(await this.#mounted(places))) throw new RuntimeError("This server's disk could not be mounted.");
  }

  async detach(paths: ServerPaths): Promise<void> {
    const places = diskPaths(paths);
    if (!(await this.#unmount(places.data))) throw new RuntimeError("This server's files are in use.");
  }

  async limitBytes(paths: ServerPaths): Promise<number | null> {
    const present = await stat(diskPaths(paths).image).catch(() => null);
    return present?.size ?? null;
  }

  async grow(paths: ServerPaths, limitBytes: number, isAtRest: boolean): Promise<boolean> {
    const places = diskPaths(paths);
    const before = (await stat(places.image)).size;
    const mounted = await this.#mounted(places);
    if (!mounted) throw new RuntimeError("This server's disk is not mounted.");
    const fileSystemBytes = (await readSuperblock(mounted.device))?.sizeBytes ?? before;
    if (before >= limitBytes && fills(fileSystemBytes, before)) return true;
    await this.#extend(places.image, limitBytes);
    await demandProgram("losetup", ["--set-capacity", mounted.device]);
    const { code, output } = await runProgram("resize2fs", [mounted.device]);
    if (code !== 0) {
      const inForce = before < limitBytes ? before : fileSystemBytes;
      // Some kernels and services do not let even root resize what is mounted. The limit told is the limit in force.
      this.#options.log.info({ image: places.image, output }, "a mounted disk cannot grow here");
      await truncate(places.image, inForce);
      await demandProgram("losetup", ["--set-capacity", mounted.device]);
      if (!isAtRest) return false;
      await this.#growUnmounted(places, limitBytes);
    }
    return true;
  }

  async remake(paths: ServerPaths, limitBytes: number, abort: AbortSignal): Promise<RemakeOutcome> {
    const places = diskPaths(paths);
    const used = (await this.measure(paths))?.usedBytes ?? (await folderBytes(places.data));
    const fileBytes = used - (await this.#ownBytes(places));
    if (fileBytes > limitBytes - overheadBytes(limitBytes)) return "does_not_fit";
    const node = await statfs(paths.root);
    if (fileBytes + NODE_SPARE_BYTES > node.bavail * node.bsize) return "no_room_on_node";
    try {
      await this.#makeImage(places.making, limitBytes);
      await mkdir(places.copy, { recursive: true, mode: 0o700 });
      await this.#mount(places.making, places.copy);
      const outcome = await copyFiles(places.data, places.copy, abort);
      if (outcome !== "done") return outcome;
      if (!(await this.#unmount(places.copy))) return "busy";
      return await this.#putInPlace(places);
    } finally {
      await this.#tidy(places);
    }
  }

  async measure(paths: ServerPaths): Promise<DiskMeasure | null> {
    const places = diskPaths(paths);
    if (!(await this.#mounted(places))) return null;
    const [disk, { size: limitBytes }] = await Promise.all([statfs(places.data), stat(places.image)]);
    // What is told as used includes what the file system keeps for itself: all of the limit is used when it is full.
    const usedBytes = Math.max(0, limitBytes - disk.bavail * disk.bsize);
    const bytesShare = usedBytes / Math.max(limitBytes - WRITE_SLACK_BYTES, WRITE_SLACK_BYTES);
    const filesShare = disk.files > 0 ? (disk.files - disk.ffree) / disk.files : 0;
    return { usedBytes, limitBytes, share: Math.max(bytesShare, filesShare) };
  }

  async release(paths: ServerPaths): Promise<void> {
    const places = diskPaths(paths);
    await this.#letGo(places.copy);
    await this.#letGo(places.data);
    // Only a device that somebody attached by hand is left without its mount.
    for (const { device } of await this.#loopsOf(places.image, places.making)) {
      if (!(await this.#isUsed(device))) await runProgram("losetup", ["--detach", device]);
    }
  }

  async #loopsOf(...images: string[]): Promise<LoopDevice[]> {
    const names = await Promise.all(images.map((image) => realName(image).catch(() => image)));
    return loopsOf((file) => names.includes(file));
  }

  async #isUsed(device: string): Promise<boolean> {
    const { output } = await runProgram("findmnt", ["--noheadings", "--source", device]);
    return output.trim() !== "";
  }

  /** The image's own device on the data folder. Something else mounted there is nothing a game may be started on. */
  async #mounted({ data, image }: DiskPaths): Promise<LoopDevice | null> {
    const loop = await loopMountedOn(data);
    if (loop?.image === (await realName(image))) return loop;
    if (await isMountpoint(data)) throw new RuntimeError("Something else is mounted on this server's folder.");
    return null;
  }

  async #makeImage(image: string, limitBytes: number): Promise<void> {
    await rm(image, { force: true });
    try {
      await demandProgram("truncate", ["--size", "0", "--", image]);
      await chmod(image, 0o600);
      await this.#extend(image, limitBytes);
      await demandProgram("mkfs.ext4", formatArguments(image, limitBytes, this.#options.gameOwner));
      await demandProgram("sync", ["--", image]);
    } catch (error) {
      await rm(image, { force: true });
      throw inWords(error);
    }
  }

  /** Makes the file longer, never shorter. */
  async #extend(image: string, limitBytes: number): Promise<void> {
    if ((await stat(image)).size >= limitBytes) return;
    if (!this.#options.isReserved) return truncate(image, limitBytes);
    await demandProgram("fallocate", ["--length", String(limitBytes), "--", image]).catch((error) => {
      throw inWords(error);
    });
  }

  async #commit({ making, image }: DiskPaths): Promise<void> {
    await rename(making, image);
    await syncFolder(dirname(image));
  }

  /** Beneath the mount lies a folder in which no game could write, should it ever be seen. */
  async #prepareMountpoint(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chown(folder, process.getuid!(), process.getgid!());
    await chmod(folder, 0o700);
    if ((await readdir(folder)).length > 0) {
      this.#options.log.warn({ folder }, "files lie beneath a server's disk; they are hidden by it");
    }
  }

  /** Whether nothing on the node has the image open any more: an unmounted one may live on in a container. */
  async #isLetGo(image: string): Promise<boolean> {
    const deadline = performance.now() + BUSY_PATIENCE_MS;
    while ((await this.#loopsOf(image)).length > 0) {
      if (performance.now() > deadline) return false;
      await delay(BUSY_PAUSE_MS);
    }
    return true;
  }

  async #check(image: string): Promise<void> {
    // What is mounted elsewhere must never be checked.
    if (!(await this.#isLetGo(image))) throw new RuntimeError("This server's disk is in use on the node.");
    const { code, output } = await this.#repair(image);
    if (code !== 0) this.#options.log.warn({ image, output }, "a server's disk was repaired");
  }

  /** @throws RuntimeError when something is left that could not be repaired. */
  async #repair(image: string, ...options: string[]): Promise<ProgramResult> {
    const result = await runProgram("e2fsck", [...options, "-p", image]);
    if (result.code !== null && result.code < FSCK_UNREPAIRED) return result;
    const { code, output } = result;
    this.#options.log.error({ image, code, output }, "a server's disk is damaged; run e2fsck on it by hand");
    throw new RuntimeError(DAMAGED);
  }

  async #mount(image: string, folder: string): Promise<void> {
    const giveBack = this.#options.isReserved ? "" : ",discard";
    const options = `loop,nosuid,nodev,noatime,errors=remount-ro${giveBack}`;
    const { code, output } = await runProgram("mount", ["-t", "ext4", "-o", options, "--", image, folder]);
    if (code !== 0) {
      this.#options.log.error({ image, output }, "a server's disk cannot be mounted");
      throw new RuntimeError("This server's disk could not be mounted; the node's log says why.");
    }
    const loop = await loopMountedOn(folder);
    // Without it every block would be in memory twice. Not every file system below can do it.
    if (loop) await runProgram("losetup", ["--direct-io=on", loop.device]);
    // It is empty but after a repair, and a game's owner wonders about it. Checks make it anew.
    await rmdir(join(folder, "lost+found")).catch(() => undefined);
    await chmod(folder, 0o700);
  }

  /** @returns false when somebody still has something open there. */
  async #unmount(folder: string): Promise<boolean> {
    const deadline = performance.now() + BUSY_PATIENCE_MS;
    while (await isMountpoint(folder)) {
      const { code, output } = await runProgram("umount", [folder]);
      if (code === 0) continue;
      if (!/busy/.test(output)) throw new Error(`umount ended with ${code}: ${output.trim()}`);
      if (performance.now() > deadline) return false;
      await delay(BUSY_PAUSE_MS);
    }
    return true;
  }

  /** Whoever has a file open there keeps it until they close it; nobody finds it any more. */
  async #letGo(folder: string): Promise<void> {
    if (!(await this.#unmount(folder))) await demandProgram("umount", ["--lazy", folder]);
  }

  async #growUnmounted(places: DiskPaths, limitBytes: number): Promise<void> {
    if (!(await this.#unmount(places.data))) throw new RuntimeError("This server's files are in use.");
    try {
      await this.#check(places.image);
      await this.#extend(places.image, limitBytes);
      // resize2fs asks for a full check, which makes the folder for what is found again.
      await this.#repair(places.image, "-f");
      await demandProgram("resize2fs", [places.image]);
    } finally {
      await this.#mount(places.image, places.data);
    }
  }

  /** What of the used bytes is the present file system's own. */
  async #ownBytes({ data, image }: DiskPaths): Promise<number> {
    if (!(await loopMountedOn(data))) return 0;
    const [disk, { size }] = await Promise.all([statfs(data), stat(image)]);
    return size - disk.blocks * disk.bsize;
  }

  /** The copy becomes the server's disk. From a plain folder the image is the one decision: with it, the folder is over. */
  async #putInPlace(places: DiskPaths): Promise<RemakeOutcome> {
    if (await exists(places.image)) {
      if (!(await this.#unmount(places.data))) return "busy";
      if (!(await this.#isLetGo(places.image))) {
        await this.#mount(places.image, places.data);
        return "busy";
      }
      await this.#commit(places);
    } else {
      await rename(places.data, places.aside);
      await this.#commit(places);
    }
    await this.#prepareMountpoint(places.data);
    await this.#check(places.image);
    await this.#mount(places.image, places.data);
    return "done";
  }

  /** Clears away what a kill, or an attempt that came to nothing, left behind. */
  async #tidy(places: DiskPaths): Promise<void> {
    if (await exists(places.copy)) {
      await this.#letGo(places.copy);
      await rmdir(places.copy);
    }
    await rm(places.making, { force: true });
    if (!(await exists(places.aside))) return;
    if (await exists(places.image)) {
      await rm(places.aside, { recursive: true, force: true });
    } else {
      // Killed between the two renames: the plain folder is still the one with the files.
      await rmdir(places.data).catch(() => undefined);
      await rename(places.aside, places.data);
    }
  }
}
