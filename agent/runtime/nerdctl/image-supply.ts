/** Brings the image of a start or an install to the node, and tells of it in the server's console. */
import type { ServerPaths } from "../container-runtime.ts";
import { RuntimeError } from "../container-runtime.ts";
import { owesRefresh, settleRefresh } from "./image-refresh.ts";
import { type Images, PullCancelled } from "./images.ts";
import { type PullProgress, progressWords } from "./pull-progress.ts";

/** Lines of progress, for people to read. */
const TELL_MS = 2_000;

type Say = (paths: ServerPaths, text: string) => Promise<void>;

export interface Recipient {
  serverId: string;
  paths: ServerPaths;
  /** Ends the wait. */
  abort?: AbortSignal;
}

export class ImageSupply {
  readonly #images: Images;
  readonly #say: Say;
  /** By server: what ends its wait for an image. */
  readonly #waits = new Map<string, AbortController>();

  constructor(images: Images, say: Say) {
    this.#images = images;
    this.#say = say;
  }

  /** Pulls an image that is not on the node. */
  async provide(image: string, recipient: Recipient): Promise<void> {
    if (!(await this.#images.isPresent(image))) await this.pull(image, recipient);
  }

  /**
   * Fetches the newest image of the same name when that was asked for and not done since. Where that fails the image
   * that is here does: a registry that is away must not keep a server from starting.
   *
   * @throws RuntimeError when the wait was ended, or there is no image at all.
   */
  async refresh(image: string, imageRefreshAt: number, recipient: Recipient): Promise<void> {
    const { paths } = recipient;
    if (!(await owesRefresh(paths, imageRefreshAt))) return;
    try {
      await this.pull(image, recipient);
    } catch (error) {
      if (error instanceof PullCancelled || !(await this.#images.isPresent(image))) throw error;
      await this.#say(paths, "The server is started with the image that is on the node.");
    }
    await settleRefresh(paths, imageRefreshAt);
  }

  /** @throws RuntimeError in words for the owner, also when the wait was ended. */
  async pull(image: string, { serverId, paths, abort }: Recipient): Promise<void> {
    const cancel = new AbortController();
    this.#waits.set(serverId, cancel);
    const signal = abort ? AbortSignal.any([abort, cancel.signal]) : cancel.signal;
    await this.#say(paths, `Pulling image ${image} ...`);
    const progress = this.#teller(paths);
    try {
      await this.#images.pull(image, { abort: signal, onProgress: progress.tell });
      await progress.end();
      await this.#say(paths, "The image is here.");
    } catch (error) {
      await progress.end();
      if (error instanceof RuntimeError) await this.#say(paths, error.message);
      throw error;
    } finally {
      if (this.#waits.get(serverId) === cancel) this.#waits.delete(serverId);
    }
  }

  /** Writes what is new, one line after the other, and not too often. */
  #teller(paths: ServerPaths): { tell: (progress: PullProgress) => void; end: () => Promise<void> } {
    let last = { percent: -1, at: performance.now() };
    let writing: Promise<void> = Promise.resolve();
    const tell = (progress: PullProgress) => {
      if (progress.percent <= last.percent || performance.now() - last.at < TELL_MS) return;
      last = { percent: progress.percent, at: performance.now() };
      writing = writing.then(() => this.#say(paths, progressWords(progress)));
    };
    return { tell, end: () => writing };
  }

  /** The server does not wait for an image any more. */
  cancel(serverId: string): void {
    this.#waits.get(serverId)?.abort();
  }
}
