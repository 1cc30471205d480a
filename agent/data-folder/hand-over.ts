/**
 * Makes everything in a data folder the server's own after something ran there as root: owner and group, no set-user-ID
 * or set-group-ID bits, no file capabilities (a change of owner drops them), no device nodes.
 */
import { closeSync, fchmodSync, fchownSync, fstatSync, lchownSync, type Stats, unlinkSync } from "node:fs";
import type { FileOwner } from "../console/server-paths.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { ConfinedFolder, isOfTheDisk, shown, turns } from "./confined-folder.ts";

/** Descriptors held at once. No game nests so deep. */
const DEPTH_MAX = 256;
const SET_ID_BITS = 0o6000;
const PERMISSION_BITS = 0o1777;

type Visit = (folder: ConfinedFolder, name: Buffer, stats: Stats) => void;

interface Walk {
  root: ConfinedFolder;
  dataFolder: string;
  mount: string;
  pause: () => Promise<void>;
  visit: Visit;
  /** Folders are handed over with the first walk alone. */
  enter: (folder: ConfinedFolder) => void;
}

async function walk(folder: ConfinedFolder, names: Buffer[], all: Walk): Promise<void> {
  for (const name of await folder.names()) {
    await all.pause();
    const stats = folder.stats(name);
    if (!stats) continue;
    if (!stats.isDirectory()) {
      all.visit(folder, name, stats);
      continue;
    }
    const at = [...names, name];
    if (at.length === 1 && isOfTheDisk(all.root, all.dataFolder, name, stats)) continue;
    if (at.length > DEPTH_MAX) throw new RuntimeError(`The install nested folders too deep: ${shown(at)}.`);
    const inner = folder.folder(name);
    try {
      if (inner.mountId() !== all.mount) continue;
      all.enter(inner);
      await walk(inner, at, all);
    } finally {
      inner.close();
    }
  }
}

function take(folder: ConfinedFolder, name: Buffer, stats: Stats, owner: FileOwner): void {
  if (stats.isBlockDevice() || stats.isCharacterDevice()) {
    unlinkSync(folder.path(name));
    return;
  }
  lchownSync(folder.path(name), owner.uid, owner.gid);
  if (!stats.isFile() || (stats.mode & SET_ID_BITS) === 0) return;
  const fd = folder.openFile(name);
  try {
    fchmodSync(fd, fstatSync(fd).mode & PERMISSION_BITS);
  } finally {
    closeSync(fd);
  }
}

interface SharedFile {
  linkCount: number;
  seen: number;
}

const identity = ({ dev, ino }: Stats) => `${dev}:${ino}`;

/**
 * A file of which a hard link lies elsewhere keeps its owner: it is not the server's alone. No process of the server
 * may run meanwhile; repeating it is harmless.
 *
 * @returns how many such files there are.
 * @throws RuntimeError in words for the owner.
 */
export async function handOverDataFolder(dataFolder: string, owner: FileOwner): Promise<number> {
  const root = ConfinedFolder.open(dataFolder);
  const pause = turns();
  const shared = new Map<string, SharedFile>();
  const base = { root, dataFolder, mount: root.mountId(), pause };
  try {
    fchownSync(root.fd, owner.uid, owner.gid);
    await walk(root, [], {
      ...base,
      enter: (folder) => fchownSync(folder.fd, owner.uid, owner.gid),
      visit: (folder, name, stats) => {
        if (!stats.isFile() || stats.nlink === 1) return take(folder, name, stats, owner);
        const known = shared.get(identity(stats)) ?? { linkCount: stats.nlink, seen: 0 };
        shared.set(identity(stats), { ...known, seen: known.seen + 1 });
      },
    });
    const isWhole = ({ linkCount, seen }: SharedFile) => linkCount === seen;
    if (shared.size > 0) {
      await walk(root, [], {
        ...base,
        enter: () => undefined,
        visit: (folder, name, stats) => {
          const known = stats.isFile() ? shared.get(identity(stats)) : undefined;
          if (known && isWhole(known)) take(folder, name, stats, owner);
        },
      });
    }
    return [...shared.values()].filter((file) => !isWhole(file)).length;
  } finally {
    root.close();
  }
}
