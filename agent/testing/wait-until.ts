import { setTimeout as delay } from "node:timers/promises";

/** Resolves with the first truthy value; rejects naming `what` when the deadline has passed. */
export async function waitUntil<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 15_000,
): Promise<Exclude<T, null | undefined | false | 0 | "">> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await look();
    if (value) return value as Exclude<T, null | undefined | false | 0 | "">;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await delay(10);
  }
}
