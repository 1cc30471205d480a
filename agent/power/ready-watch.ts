/** Follows a console from an offset on until the ready pattern was seen. */
import type { ConsoleLog } from "../console/console-log.ts";
import type { ReadyMatcher } from "./ready-pattern.ts";

const READ_BYTES = 64 * 1024;

/** @returns stops watching. `onReady` is called at most once, and never after stopping. */
export function watchReady(log: ConsoleLog, from: number, matcher: ReadyMatcher, onReady: () => void): () => void {
  let offset = from;
  let isStopped = false;
  let isReading = false;
  let hasMore = true;

  const stop = () => {
    isStopped = true;
    unfollow();
  };
  const readAll = async () => {
    hasMore = true;
    if (isReading) return;
    isReading = true;
    try {
      while (hasMore && !isStopped) {
        hasMore = false;
        for (;;) {
          const chunk = await log.read(offset, READ_BYTES);
          if (isStopped || chunk.bytes.length === 0) break;
          offset = chunk.offset + chunk.bytes.length;
          if (matcher.push(chunk.bytes)) {
            stop();
            onReady();
            return;
          }
        }
      }
    } catch {
      // A log that cannot be read now is tried again at its next growth; the start's deadline stands behind it.
    } finally {
      isReading = false;
    }
  };
  const unfollow = log.follow(() => void readAll());
  void readAll();
  return stop;
}
