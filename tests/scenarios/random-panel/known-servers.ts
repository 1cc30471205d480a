/** The servers that the actors know of: what was made, and what nobody has asked to delete. */

export interface KnownServer {
  id: string;
  ownerId: string;
  /** Users with a grant on it. */
  sharedWith: Set<string>;
  /** Users for whom a grant was asked: whether they have it need not be known. */
  mayBeSharedWith: Set<string>;
  /** Somebody asked for its deletion: it may be gone at any moment from then on. */
  mayBeGone: boolean;
  /** Somebody asked for its suspension at some time; an answer may be from then. */
  mayBeSuspended: boolean;
}

export class KnownServers {
  readonly #all = new Map<string, KnownServer>();
  readonly gone = new Set<string>();

  add(id: string, ownerId: string): void {
    const [sharedWith, mayBeSharedWith] = [new Set<string>(), new Set<string>()];
    this.#all.set(id, { id, ownerId, sharedWith, mayBeSharedWith, mayBeGone: false, mayBeSuspended: false });
  }

  /** Its deletion was answered with success, or may have been carried out. */
  remove(id: string): void {
    this.gone.add(id);
  }

  get(id: string): KnownServer {
    return this.#all.get(id)!;
  }

  get live(): KnownServer[] {
    return [...this.#all.values()].filter(({ id }) => !this.gone.has(id));
  }

  ownedBy(userId: string): KnownServer[] {
    return this.live.filter(({ ownerId }) => ownerId === userId);
  }

  /** Those of others that a user has a grant on. */
  sharedWith(userId: string): KnownServer[] {
    return this.live.filter(({ sharedWith }) => sharedWith.has(userId));
  }

  /** Those that a user certainly has nothing to do with. */
  strangeTo(userId: string): KnownServer[] {
    return this.live.filter(({ ownerId, mayBeSharedWith }) => ownerId !== userId && !mayBeSharedWith.has(userId));
  }
}
