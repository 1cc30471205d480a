/** Deletes everything in a server's data folder, and the folder itself never: it may be a mount. */
import { randomBytes } from "node:crypto";
import { renameSync, rmdirSync, unlinkSync } from "node:fs";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { ConfinedFolder, isOfTheDisk, shown, turns } from "./confined-folder.ts";

/** Descriptors held at once; what is nested deeper is moved to the top and deleted from there. */
const DEPTH_MAX = 128;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

interface Wipe {
  root: ConfinedFolder;
  dataFolder: string;
  mount: string;
  pause: () => Promise<void>;
  /** What could not be deleted, by where it is. */
  failures: string[];
  /** Something was moved to the top behind the walk. */
  isUnfinished: boolean;
}

/** Deletes what is in a folder; what cannot be deleted is noted and passed over. */
async function empty(folder: ConfinedFolder, names: Buffer[], wipe: Wipe): Promise<void> {
  for (const name of await folder.names()) {
    await wipe.pause();
    const at = [...names, name];
    try {
      await remove(folder, name, at, wipe);
    } catch (error) {
      if (codeOf(error) === "ENOENT") continue;
      if (codeOf(error) === undefined) throw error;
      // A folder is not empty because of something that was noted already.
      if (codeOf(error) !== "ENOTEMPTY" || wipe.failures.length === 0) wipe.failures.push(shown(at));
    }
  }
}

async function remove(folder: ConfinedFolder, name: Buffer, at: Buffer[], wipe: Wipe): Promise<void> {
  const stats = folder.stats(name);
  if (!stats) return;
  if (!stats.isDirectory()) return unlinkSync(folder.path(name));
  if (at.length === 1 && isOfTheDisk(wipe.root, wipe.dataFolder, name, stats)) return;
  if (at.length > DEPTH_MAX) {
    renameSync(folder.path(name), wipe.root.path(Buffer.from(`.wiped-${randomBytes(12).toString("hex")}`)));
    wipe.isUnfinished = true;
    return;
  }
  const inner = folder.folder(name);
  try {
    if (inner.mountId() !== wipe.mount) return void wipe.failures.push(shown(at));
    await empty(inner, at, wipe);
  } finally {
    inner.close();
  }
  rmdirSync(folder.path(name));
}

/**
 * No process of the server may run meanwhile. Repeating it is harmless, also after a crash in the middle.
 *
 * @throws RuntimeError naming what could not be deleted (everything else is), or the abort's reason.
 */
export async function wipeDataFolder(dataFolder: string, abort?: AbortSignal): Promise<void> {
  const root = ConfinedFolder.open(dataFolder);
  const wipe: Wipe = {
    root,
    dataFolder,
    mount: root.mountId(),
    pause: turns(abort),
    failures: [],
    isUnfinished: true,
  };
  try {
    while (wipe.isUnfinished && wipe.failures.length === 0) {
      wipe.isUnfinished = false;
      await empty(root, [], wipe);
    }
  } finally {
    root.close();
  }
  const [first] = wipe.failures;
  if (first === undefined) return;
  const others = wipe.failures.length > 1 ? ` and ${wipe.failures.length - 1} more` : "";
  throw new RuntimeError(`Not all files could be deleted: ${first}${others} cannot be removed on this node.`);
}
