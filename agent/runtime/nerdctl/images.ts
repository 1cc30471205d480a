/** Pulling images, once for all that wait for the same one. */
import { RuntimeError } from "../container-runtime.ts";
import type { NerdctlCli } from "./cli.ts";

const PULL_DEADLINE_MS = 30 * 60_000;

/** This wait was ended; nothing is said of the image. */
export class PullCancelled extends RuntimeError {
  constructor() {
    super("The download of the container image was cancelled.");
  }
}

interface Pull {
  done: Promise<void>;
  /** Ends nerdctl. */
  abort: AbortController;
  waiterCount: number;
}

export class Images {
  readonly #cli: NerdctlCli;
  readonly #pulls = new Map<string, Pull>();

  constructor(cli: NerdctlCli) {
    this.#cli = cli;
  }

  async isPresent(image: string): Promise<boolean> {
    return (await this.#cli.call(["image", "inspect", "--format", "{{.ID}}", "--", image])).code === 0;
  }

  /**
   * @param abort ends this wait; the pull itself goes on while somebody else waits for it.
   * @throws RuntimeError in words for the owner.
   */
  async pull(image: string, abort: AbortSignal): Promise<void> {
    const pull = this.#pulls.get(image) ?? this.#begin(image);
    pull.waiterCount++;
    let leave: (() => void) | undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(new PullCancelled());
      if (abort.aborted) leave();
      abort.addEventListener("abort", leave, { once: true });
    });
    try {
      await Promise.race([pull.done, left]);
    } finally {
      if (leave) abort.removeEventListener("abort", leave);
      pull.waiterCount--;
      if (pull.waiterCount === 0) {
        pull.abort.abort();
        if (this.#pulls.get(image) === pull) this.#pulls.delete(image);
      }
    }
  }

  #begin(image: string): Pull {
    const abort = new AbortController();
    const done = this.#cli
      .demand("pull", ["pull", "--quiet", "--", image], { deadlineMs: PULL_DEADLINE_MS, abort: abort.signal })
      .then(() => undefined);
    // Whoever waits is told; nobody may be left.
    done.catch(() => undefined);
    const pull = { done, abort, waiterCount: 0 };
    this.#pulls.set(image, pull);
    return pull;
  }
}
