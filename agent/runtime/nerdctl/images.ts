/** Pulling images, once for all that wait for the same one. */
import { RuntimeError } from "../container-runtime.ts";
import type { NerdctlCli } from "./cli.ts";
import { isRuntimeDown } from "./errors.ts";
import { type PullProgress, readProgress } from "./pull-progress.ts";
import { withLogin } from "./registries.ts";

export const PULL_DEADLINE_MS = 30 * 60_000;

/** This wait was ended; nothing is said of the image. */
export class PullCancelled extends RuntimeError {
  constructor() {
    super("The download of the container image was cancelled.");
  }
}

export interface ImagesOptions {
  cli: NerdctlCli;
  /** The node's logins at registries. */
  loginFile: string;
  /** For what is there only during a pull. */
  folder: string;
  pullDeadlineMs: number;
}

export interface PullWait {
  /** Ends this wait; the pull itself goes on while somebody else waits for it. */
  abort: AbortSignal;
  onProgress: (progress: PullProgress) => void;
}

interface Pull {
  done: Promise<void>;
  /** Ends nerdctl. */
  abort: AbortController;
  waits: Set<PullWait>;
}

export class Images {
  readonly #options: ImagesOptions;
  readonly #pulls = new Map<string, Pull>();

  constructor(options: ImagesOptions) {
    this.#options = options;
  }

  /** @throws RuntimeError when containerd is away: that says nothing of the image. */
  async isPresent(image: string): Promise<boolean> {
    const { cli } = this.#options;
    const result = await cli.call(["image", "inspect", "--format", "{{.ID}}", "--", image]);
    if (isRuntimeDown(result.stderr)) throw cli.failure("other", result);
    return result.code === 0;
  }

  /** @throws RuntimeError in words for the owner; `PullCancelled` when this wait was ended. */
  async pull(image: string, wait: PullWait): Promise<void> {
    const { abort } = wait;
    if (abort.aborted) throw new PullCancelled();
    const pull = this.#pulls.get(image) ?? this.#begin(image);
    pull.waits.add(wait);
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(new PullCancelled());
      abort.addEventListener("abort", leave, { once: true });
    });
    try {
      await Promise.race([pull.done, left]);
    } finally {
      abort.removeEventListener("abort", leave);
      pull.waits.delete(wait);
      if (pull.waits.size === 0) {
        // Whoever comes now begins anew.
        if (this.#pulls.get(image) === pull) this.#pulls.delete(image);
        pull.abort.abort();
      }
    }
  }

  #begin(image: string): Pull {
    const pull: Pull = { done: Promise.resolve(), abort: new AbortController(), waits: new Set() };
    pull.done = this.#run(image, pull);
    // Those who wait are told; it may be that nobody does any more.
    pull.done.catch(() => undefined);
    this.#pulls.set(image, pull);
    return pull;
  }

  async #run(image: string, pull: Pull): Promise<void> {
    const { cli, loginFile, folder, pullDeadlineMs } = this.#options;
    const known = new Map<string, number>();
    const onStdout = (text: string) => {
      const progress = readProgress(text, known);
      if (progress) for (const { onProgress } of pull.waits) onProgress(progress);
    };
    const deadline = AbortSignal.timeout(pullDeadlineMs);
    const abort = AbortSignal.any([pull.abort.signal, deadline]);
    await withLogin(image, { file: loginFile, folder }, async ({ environment, globalArguments, redact }) => {
      const args = [...globalArguments, "pull", "--", image];
      const result = await cli.call(args, { deadlineMs: 2 * pullDeadlineMs, abort, environment, onStdout });
      if (result.code === 0) return;
      if (deadline.aborted) {
        const minutes = Math.max(1, Math.round(pullDeadlineMs / 60_000));
        throw new RuntimeError(`The container image could not be downloaded within ${minutes} minutes.`);
      }
      throw cli.failure("pull", { ...result, stderr: redact(result.stderr) });
    });
  }
}
