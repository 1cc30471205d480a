/**
 * Steps through a server's data folder, which is the game's to fill with whatever it likes.
 *
 * Each folder is opened through the descriptor of the one it lies in and never over a link, and whatever is done to an
 * entry is done through its folder's descriptor: however links are placed or timed, nothing outside is touched. Names
 * found there are bytes, because a file's name need not be UTF-8. Other mounts are not entered.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Linux's O_PATH, which Node does not name: where a file is, without opening it. */
const PATH_FLAGS = 0o10000000 | constants.O_NOFOLLOW;
/** Work done before everybody else on this node gets a turn. */
const TURN_MS = 5;

/** A folder by its descriptor. Close it. */
export class ConfinedFolder {
  readonly fd: number;
  readonly #path: Buffer;

  private constructor(path: string | Buffer) {
    this.fd = openSync(path, FOLDER_FLAGS);
    this.#path = Buffer.from(`/proc/self/fd/${this.fd}/`);
  }

  static open(path: string): ConfinedFolder {
    return new ConfinedFolder(path);
  }

  /** @throws Error when it is no folder, or a link to one. */
  folder(name: Buffer | string): ConfinedFolder {
    return new ConfinedFolder(this.path(name));
  }

  /**
   * Opens a file for reading. What is none is never opened, whenever it was put there: to open a FIFO lets its writer
   * go, and to open a device may do anything. Close the descriptor.
   *
   * @throws Error with the code ELOOP for a link, ENXIO for anything else that is not a file.
   */
  openFile(name: Buffer | string): number {
    const place = openSync(this.path(name), PATH_FLAGS);
    try {
      const stats = fstatSync(place);
      if (!stats.isFile()) {
        throw Object.assign(new Error("not a file"), { code: stats.isSymbolicLink() ? "ELOOP" : "ENXIO" });
      }
      return openSync(`/proc/self/fd/${place}`, constants.O_RDONLY);
    } finally {
      closeSync(place);
    }
  }

  /** Names an entry for a call that does not follow links in its last component. */
  path(name: Buffer | string): Buffer {
    return Buffer.concat([this.#path, typeof name === "string" ? Buffer.from(name) : name]);
  }

  names(): Promise<Buffer[]> {
    return readdir(this.#path, { encoding: "buffer" });
  }

  /** Null when it is not there any more. */
  stats(name: Buffer): Stats | null {
    return lstatSync(this.path(name), { throwIfNoEntry: false }) ?? null;
  }

  /** Which mount it is in: bind mounts of one file system differ too. */
  mountId(): string {
    return /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${this.fd}`, "utf8"))?.[1] ?? "";
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Where file systems of the ext family keep what a check of theirs finds; it is the disk's own, not the game's. */
const LOST_AND_FOUND = "lost+found";

/** Tells whether an entry of a data folder belongs to the disk below it, and not to the server. */
export function isOfTheDisk(root: ConfinedFolder, dataFolder: string, name: Buffer, stats: Stats): boolean {
  if (name.toString("latin1") !== LOST_AND_FOUND || !stats.isDirectory() || stats.uid !== 0) return false;
  const parent = ConfinedFolder.open(`${dataFolder}/..`);
  try {
    return parent.mountId() !== root.mountId();
  } finally {
    parent.close();
  }
}

/** Lets others go first now and then, and ends the work when it is aborted. */
export function turns(abort?: AbortSignal): () => Promise<void> {
  let since = performance.now();
  return async () => {
    abort?.throwIfAborted();
    if (performance.now() - since < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  };
}

/** For messages: where an entry is, as far as its names can be read. */
export const shown = (names: readonly Buffer[]): string =>
  Buffer.concat(names.flatMap((name, index) => (index === 0 ? [name] : [Buffer.from("/"), name])))
    .toString("utf8")
    .replace(/\p{Cc}/gu, "\uFFFD")
    .slice(0, 200);
