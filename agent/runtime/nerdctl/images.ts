/** Pulling images, once for all that wait for the same one. */
import type { NerdctlCli } from "./cli.ts";

const PULL_DEADLINE_MS = 30 * 60_000;

export class Images {
  readonly #cli: NerdctlCli;
  readonly #pulls = new Map<string, Promise<unknown>>();

  constructor(cli: NerdctlCli) {
    this.#cli = cli;
  }

  async isPresent(image: string): Promise<boolean> {
    return (await this.#cli.call(["image", "inspect", "--format", "{{.ID}}", "--", image])).code === 0;
  }

  /** @throws RuntimeError in words for the owner. */
  async pull(image: string): Promise<void> {
    const underWay = this.#pulls.get(image);
    if (underWay) return void (await underWay);
    const pull = this.#cli.demand("pull", ["pull", "--quiet", "--", image], { deadlineMs: PULL_DEADLINE_MS });
    this.#pulls.set(image, pull);
    try {
      await pull;
    } finally {
      this.#pulls.delete(image);
    }
  }
}
