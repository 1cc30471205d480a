/**
 * How a hard limit is put on one server's folder. `LoopImages` mounts an image of its own for every server; a quota of
 * the node's file system could be another way.
 *
 * Nothing here is called twice at a time for the same server. Every method may be repeated after a kill at any point.
 * All reject with `RuntimeError` where the owner can be told why, else with the system's own error, for the log.
 */
import type { ServerPaths } from "../runtime/container-runtime.ts";

export interface DiskMeasure {
  usedBytes: number;
  limitBytes: number;
  /** Share of what may be used that is used, of bytes or of files, whichever is more; 1 is all. */
  share: number;
}

/** `aborted` by the caller; `changed` when somebody wrote meanwhile; `busy` when somebody has the folder open. */
export type RemakeOutcome = "done" | "aborted" | "changed" | "busy" | "does_not_fit" | "no_room_on_node";

export interface HardLimit {
  /** Clears away what a kill in the middle of something left behind; asked before anything else. */
  tidy(paths: ServerPaths): Promise<void>;

  /** Whether the server's files are under a hard limit, ready for use or not. */
  isMade(paths: ServerPaths): Promise<boolean>;

  /** Puts the limit on an empty folder, durably. */
  make(paths: ServerPaths, limitBytes: number): Promise<void>;

  /**
   * Makes the files appear in the data folder, after checking them if need be; there already, nothing happens.
   *
   * @param isAtRest nothing uses the files: what has to be repaired is repaired now.
   * @throws RuntimeError when they are damaged: the folder must not be used then.
   */
  attach(paths: ServerPaths, isAtRest: boolean): Promise<void>;

  /** Takes the files out of the data folder again. Not there: nothing happens. */
  detach(paths: ServerPaths): Promise<void>;

  /** The limit in force, or null when none is made. */
  limitBytes(paths: ServerPaths): Promise<number | null>;

  /**
   * Raises the limit of attached files.
   *
   * @returns false when that cannot be done while they are in use.
   */
  grow(paths: ServerPaths, limitBytes: number, isAtRest: boolean): Promise<boolean>;

  /** Puts all files, under a limit already or not, under a new one, lower or higher. Only at rest. */
  remake(paths: ServerPaths, limitBytes: number, abort: AbortSignal): Promise<RemakeOutcome>;

  /** O(1); null when the files are not attached. */
  measure(paths: ServerPaths): Promise<DiskMeasure | null>;

  /** Lets go of everything, so that the folder can be moved or deleted, whoever uses it. */
  release(paths: ServerPaths): Promise<void>;
}
