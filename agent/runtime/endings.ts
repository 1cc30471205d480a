/**
 * What is under way to end a server's runs. A new run waits until it is done: the end of an earlier one must not come
 * upon its processes, its ports or its record.
 */
export class Endings {
  readonly #underWay = new Map<string, Set<Promise<void>>>();

  /** Begins `work` at once, and resolves or rejects as it does. */
  async run(serverId: string, work: () => Promise<void>): Promise<void> {
    const ending = work();
    const all = this.#underWay.get(serverId) ?? new Set();
    this.#underWay.set(serverId, all.add(ending));
    try {
      await ending;
    } finally {
      all.delete(ending);
      if (all.size === 0) this.#underWay.delete(serverId);
    }
  }

  /** Resolves when nothing is under way for this server, whether it went well or not. */
  async done(serverId: string): Promise<void> {
    for (;;) {
      const all = this.#underWay.get(serverId);
      if (!all) return;
      await Promise.allSettled(all);
    }
  }
}
