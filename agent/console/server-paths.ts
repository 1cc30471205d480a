/** Where a server lives on the node's disk, and its folders and console pipe. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, lstat, mkdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { idSchema } from "../../protocol/ids.ts";
import type { ServerPaths } from "../runtime/container-runtime.ts";

export interface FileOwner {
  uid: number;
  gid: number;
}

/** @throws Error when `serverId` is not an id: it becomes part of a path. */
export function serverPaths(dataDir: string, serverId: string): ServerPaths {
  const root = join(dataDir, "servers", idSchema.parse(serverId));
  return {
    root,
    data: join(root, "data"),
    console: join(root, "console"),
    stdin: join(root, "stdin"),
    records: join(root, "records"),
  };
}

/** Where a server's console index is kept. */
export const segmentIndexFile = (paths: ServerPaths): string => join(paths.records, "console-index");

/**
 * Makes the folders of a server where they are missing. Only the data folder is the game's; nobody but the agent may
 * look into the others, and the game cannot pass through `root`.
 */
export async function makeServerFolders(paths: ServerPaths, gameOwner?: FileOwner): Promise<void> {
  await mkdir(paths.root, { recursive: true, mode: 0o700 });
  for (const folder of [paths.data, paths.console, paths.records]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  if (gameOwner) await chown(paths.data, gameOwner.uid, gameOwner.gid);
}

/**
 * Makes the FIFO at `path`, or keeps the one that is there; anything else in its place is removed.
 *
 * @param owner the game's user, who reads it; the agent's own user by default.
 */
export async function makeFifo(path: string, owner?: FileOwner): Promise<void> {
  const present = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (present && !present.isFIFO()) await unlink(path);
  if (!present?.isFIFO()) {
    const child = spawn("mkfifo", ["-m", "600", "--", path], { stdio: "ignore" });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new Error(`mkfifo ended with ${code}`);
  }
  await chmod(path, 0o600);
  if (owner) await chown(path, owner.uid, owner.gid);
}
