/** Deleting a removed server's folder: out of the way at once, gone when the disk gets to it, also after a crash. */
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const trash = (dataDir: string) => join(dataDir, "trash");

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** @param root the server's folder; a missing one is done already. */
export async function removeData(dataDir: string, root: string): Promise<void> {
  await mkdir(trash(dataDir), { recursive: true, mode: 0o700 });
  const away = join(trash(dataDir), randomUUID());
  await rename(root, away).catch(ignoreMissing);
  await rm(away, { recursive: true, force: true, maxRetries: 3 });
}

/** Keeps the folder of a server that another node of the panel owned: nobody asked to delete it. */
export async function keepData(dataDir: string, root: string, serverId: string): Promise<string> {
  const kept = join(dataDir, "kept");
  await mkdir(kept, { recursive: true, mode: 0o700 });
  const away = join(kept, `${serverId}-${randomUUID()}`);
  await rename(root, away).catch(ignoreMissing);
  return away;
}

/** Deletes what an earlier run of the agent did not come to delete. */
export async function emptyTrash(dataDir: string): Promise<void> {
  await rm(trash(dataDir), { recursive: true, force: true, maxRetries: 3 });
}
