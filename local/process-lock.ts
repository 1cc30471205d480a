/** A lock file that one process holds; it counts for nothing once that process has ended, however it ended. */
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
      const holder = parseIdentity(readIfPresent(path));
      if (holder && isStillRunning(holder)) return holder;
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(candidate, { force: true });
  }
}

/** Waits until no other process holds the lock. */
export async function waitForLock(path: string, deadlineMs: number): Promise<ProcessLock> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const lock = tryLock(path);
    if ("release" in lock) return lock;
    if (Date.now() > deadline) throw new Error(`process ${lock.pid} has held ${path} for ${deadlineMs / 1000} s`);
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
