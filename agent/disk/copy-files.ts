/** Copies a server's files as they are, and notices when somebody changed them meanwhile. */
import type { Dirent } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { demandProgram, runProgram } from "../run-program.ts";

const BLOCK_BYTES = 512;
/** The kernel's clock for files runs a few milliseconds behind. */
const CLOCK_SLACK_MS = 50;
const ENTRIES_PER_TURN = 200;

/** Calls `look` for everything below `root`, and `root` itself; ends early when it returns false. */
async function walk(root: string, look: (stats: { blocks: number; ctimeMs: number }) => boolean): Promise<void> {
  if (!look(await lstat(root))) return;
  const folders = [root];
  let entries = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of (await opendir(folder)) as AsyncIterable<Dirent>) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      if (!look(await lstat(path))) return;
      if (++entries % ENTRIES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Bytes of blocks that everything below takes. */
export async function folderBytes(root: string): Promise<number> {
  let bytes = 0;
  await walk(root, ({ blocks }) => {
    bytes += blocks * BLOCK_BYTES;
    return true;
  });
  return bytes;
}

async function hasChangedSince(root: string, sinceMs: number): Promise<boolean> {
  let hasChanged = false;
  await walk(root, ({ ctimeMs }) => {
    hasChanged = ctimeMs >= sinceMs;
    return !hasChanged;
  });
  return hasChanged;
}

/**
 * Owners, modes, times, links between files and holes are kept; special files are copied as such.
 *
 * @returns `changed` when anything in `from` was touched since the copy began: the copy may be of two times.
 */
export async function copyFiles(
  from: string,
  to: string,
  abort: AbortSignal,
): Promise<"done" | "aborted" | "changed" | "does_not_fit"> {
  await delay(CLOCK_SLACK_MS);
  const startedAt = Date.now() - CLOCK_SLACK_MS / 2;
  const { code, output } = await runProgram("cp", ["--archive", "--sparse=always", "--", `${from}/.`, to], { abort });
  if (abort.aborted) return "aborted";
  if (code !== 0) {
    if (/No space left/.test(output)) return "does_not_fit";
    if (await hasChangedSince(from, startedAt)) return "changed";
    throw new Error(`cp ended with ${code}: ${output.trim().slice(0, 500)}`);
  }
  await demandProgram("sync", ["--file-system", to]);
  if (abort.aborted) return "aborted";
  return (await hasChangedSince(from, startedAt)) ? "changed" : "done";
}
