/** A lock file that one process holds; it counts for nothing once that process has ended, however it ended. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isStillRunning, type ProcessIdentity } from "./process-identity.ts";

export interface ProcessLock {
  release(): void;
}

/** @returns the lock, or the process that holds it. */
export function tryLock(path: string): ProcessLock | ProcessIdentity {
  const own = JSON.stringify(identify(process.pid));
  const candidate = `${path}.${process.pid}`;
  writeFileSync(candidate, own, { mode: 0o600 });
  try {
    for (;;) {
      try {
        // Taking is one atomic step: a link is made only where there is none.
        linkSync(candidate, path);
        return {
          release() {
            if (readIfPresent(path) === own) rmSync(path, { force: true });
          },
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const text = readIfPresent(path);
      const holder = parseIdentity(text);
      if (holder && isStillRunning(holder)) return holder;
      removeStale(path, text);
    }
  } finally {
    rmSync(candidate, { force: true });
  }
}

/**
 * Removes a lock whose holder has ended. Somebody else may have done so and taken it since we read it: what is
 * taken away is looked at again, and put back if it is another one.
 */
function removeStale(path: string, text: string | null): void {
  const taken = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, taken);
    if (readIfPresent(taken) !== text) linkSync(taken, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  } finally {
    rmSync(taken, { force: true });
  }
}

/** Waits until no other process holds the lock. */
export async function waitForLock(path: string, deadlineMs: number): Promise<ProcessLock> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const lock = tryLock(path);
    if ("release" in lock) return lock;
    if (performance.now() > deadline)
      throw new Error(`process ${lock.pid} has held ${path} for ${deadlineMs / 1000} s`);
    await delay(50);
  }
}

function parseIdentity(text: string | null): ProcessIdentity | null {
  try {
    const value = JSON.parse(text ?? "") as ProcessIdentity | null;
    return typeof value?.pid === "number" && typeof value.startedAt === "string" ? value : null;
  } catch {
    return null;
  }
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
