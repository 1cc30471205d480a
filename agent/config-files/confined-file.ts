/**
 * Reads and replaces one file below a server's data folder, which is the game's to fill with whatever it likes.
 *
 * Each folder on the way is opened from the descriptor of the one before without following links, and the file is
 * reached through the descriptor of its folder: however a link is placed or timed, nothing outside is touched.
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
import { RuntimeError } from "../runtime/container-runtime.ts";

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A FIFO in the file's place must not keep the agent waiting. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const FILE_MAX_BYTES = 4 * 1024 * 1024;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;
const below = (fd: number, name: string) => `/proc/self/fd/${fd}/${name}`;

/** @throws RuntimeError when the path is not one below the folder. */
export function pathParts(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..") || path.includes("\0")) {
    throw new RuntimeError(`${JSON.stringify(path)} is not a file in the server's folder.`);
  }
  return parts;
}

function openFolder(parent: number, name: string, owner: FileOwner): number {
  try {
    return openSync(below(parent, name), FOLDER_FLAGS);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  mkdirSync(below(parent, name), { mode: 0o755 });
  const fd = openSync(below(parent, name), FOLDER_FLAGS);
  fchownSync(fd, owner.uid, owner.gid);
  return fd;
}

function readPresent(folder: number, name: string): { text: string; stats: Stats } | null {
  let fd: number;
  try {
    fd = openSync(below(folder, name), READ_FLAGS);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new RuntimeError(`${name} is not a file.`);
    if (stats.size > FILE_MAX_BYTES) throw new RuntimeError(`${name} is too large to be edited.`);
    return { text: readFileSync(fd, "utf8"), stats };
  } finally {
    closeSync(fd);
  }
}

function replace(folder: number, name: string, text: string, owner: FileOwner, mode: number): void {
  const temporary = below(folder, `.catalyst-${randomBytes(8).toString("hex")}`);
  const fd = openSync(temporary, CREATE_FLAGS, 0o600);
  try {
    writeFileSync(fd, text);
    fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, mode);
    fsyncSync(fd);
    renameSync(temporary, below(folder, name));
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * @param root the folder that must not be left.
 * @param owner who owns what has to be made anew; a file that is there keeps its owner and mode.
 * @param edit gets the present text, or null without a file; null leaves everything as it is.
 * @throws RuntimeError in words for the owner.
 */
export function editConfinedFile(
  root: string,
  path: string,
  owner: FileOwner,
  edit: (text: string | null) => string | null,
): void {
  const parts = pathParts(path);
  const name = parts.pop()!;
  let folder = openSync(root, FOLDER_FLAGS);
  try {
    for (const part of parts) {
      const next = openFolder(folder, part, owner);
      closeSync(folder);
      folder = next;
    }
    const present = readPresent(folder, name);
    const text = edit(present?.text ?? null);
    if (text === null || text === present?.text) return;
    const keeper = present ? { uid: present.stats.uid, gid: present.stats.gid } : owner;
    replace(folder, name, text, keeper, present ? present.stats.mode & 0o777 : 0o644);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ELOOP" || code === "ENOTDIR") throw new RuntimeError(`${path} leads over a link or a file.`);
    throw error;
  } finally {
    closeSync(folder);
  }
}
