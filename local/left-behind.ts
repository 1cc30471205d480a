/**
 * Which processes a run has started, on disk, so that the next run can end them should this one be killed.
 *
 * Each is written with the moment it started: a pid that now belongs to something else is left in peace.
 */
import { existsSync, readFileSync } from "node:fs";
import { writeAtomically } from "./data-folder.ts";
import { endProcess, isStillRunning, type ProcessIdentity } from "./process-identity.ts";

export class LeftBehind {
  readonly #path: string;
  readonly #processes = new Map<string, ProcessIdentity>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Ends what an earlier run of this data folder left. @returns the names of what was ended. */
  async endEarlier(): Promise<string[]> {
    const earlier = Object.entries(this.#read()).filter(([, identity]) => isStillRunning(identity));
    await Promise.all(earlier.map(([, identity]) => endProcess(identity, "SIGTERM", 5_000)));
    return earlier.map(([name]) => name);
  }

  /**
   * Notes the present process of this name. On a full disk the note is left out: what runs is worth more than that,
   * and where the kernel ends children with their parent it is not needed.
   */
  note(name: string, identity: ProcessIdentity): void {
    this.#processes.set(name, identity);
    try {
      writeAtomically(this.#path, JSON.stringify(Object.fromEntries(this.#processes)));
    } catch {
      // Written with the next one.
    }
  }

  #read(): Record<string, ProcessIdentity> {
    if (!existsSync(this.#path)) return {};
    try {
      return JSON.parse(readFileSync(this.#path, "utf8")) as Record<string, ProcessIdentity>;
    } catch {
      // It is written in one step; if a disk damaged it all the same, there is nothing to go by.
      return {};
    }
  }
}
