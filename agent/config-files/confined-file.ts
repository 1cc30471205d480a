/**
 * Reads and replaces one file below a server's data folder, which is the game's to fill with whatever it likes.
 *
 * Each folder on the way is opened through the one before, and the file through its own; see `ConfinedFolder`.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import type { FileOwner } from "../console/server-paths.ts";
import { ConfinedFolder } from "../data-folder/confined-folder.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Many times what games have; editing takes time that other servers wait for. */
const FILE_MAX_BYTES = 512 * 1024;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** @throws RuntimeError when the path is not one below the folder. */
export function pathParts(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..") || path.includes("\0")) {
    throw new RuntimeError(`${JSON.stringify(path)} is not a file in the server's folder.`);
  }
  return parts;
}

/** Opens the folder that a path lies in. Null when one on the way is missing, and none is to be made. */
function openHome(root: string, parts: readonly string[], maker: FileOwner | null): ConfinedFolder | null {
  let folder = ConfinedFolder.open(root);
  for (const part of parts) {
    const parent = folder;
    try {
      folder = parent.folder(part);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      if (!maker) return null;
      mkdirSync(parent.path(part), { mode: 0o755 });
      folder = parent.folder(part);
      fchownSync(folder.fd, maker.uid, maker.gid);
    } finally {
      parent.close();
    }
  }
  return folder;
}

function readPresent(folder: ConfinedFolder, name: string): { content: Buffer; stats: Stats } | null {
  let fd: number;
  try {
    fd = folder.openFile(name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (stats.size > FILE_MAX_BYTES) throw new RuntimeError(`it is larger than ${FILE_MAX_BYTES / 1024} KiB`);
    return { content: readFileSync(fd), stats };
  } finally {
    closeSync(fd);
  }
}

function replace(folder: ConfinedFolder, name: string, content: Buffer, owner: FileOwner, mode: number): void {
  const temporary = folder.path(`.catalyst-${randomBytes(8).toString("hex")}`);
  const fd = openSync(temporary, CREATE_FLAGS, 0o600);
  try {
    writeFileSync(fd, content);
    fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, mode);
    fsyncSync(fd);
    renameSync(temporary, folder.path(name));
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function withHome<T>(
  root: string,
  path: string,
  maker: FileOwner | null,
  work: (folder: ConfinedFolder, name: string) => T,
): T | null {
  const parts = pathParts(path);
  const name = parts.pop()!;
  let folder: ConfinedFolder | null = null;
  try {
    folder = openHome(root, parts, maker);
    return folder === null ? null : work(folder, name);
  } catch (error) {
    const code = codeOf(error);
    // A folder, FIFO, socket or device in its place.
    if (code === "ENXIO") throw new RuntimeError("it is not a file");
    if (code === "ELOOP" || code === "ENOTDIR") throw new RuntimeError("it is, or leads over, a link or a file");
    if (code === "ENOSPC" || code === "EDQUOT") throw new RuntimeError("the disk is full");
    throw error;
  } finally {
    folder?.close();
  }
}

/**
 * @param root the folder that must not be left.
 * @returns null when there is no such file.
 * @throws RuntimeError in words for the owner.
 */
export function readConfinedFile(root: string, path: string): Buffer | null {
  return withHome(root, path, null, (folder, name) => readPresent(folder, name)?.content ?? null);
}

/**
 * Replaces the whole file at once, and makes it and its folders where they are missing.
 *
 * @param owner who owns what has to be made anew; a file that is there keeps its owner and mode.
 * @throws RuntimeError in words for the owner; the file is as it was then.
 */
export function writeConfinedFile(root: string, path: string, content: Buffer, owner: FileOwner): void {
  withHome(root, path, owner, (folder, name) => {
    const present = readPresent(folder, name);
    const keeper = present ? { uid: present.stats.uid, gid: present.stats.gid } : owner;
    replace(folder, name, content, keeper, present ? present.stats.mode & 0o777 : 0o644);
  });
}
