/**
 * Names of the statements that one connection has prepared, the least recently used leaving first.
 *
 * A name counts as prepared only once Postgres has confirmed it: after an error it skips the rest of a pipeline, and
 * with it whatever was to be parsed there.
 */
export class PreparedStatements {
  readonly #names = new Map<string, string>();
  /** Texts sent for parsing and not yet confirmed, in the order sent. */
  #unconfirmed: string[] = [];
  readonly #max: number;
  #counter = 0;

  constructor(max = 200) {
    this.#max = max;
  }

  /** How many are prepared now. */
  get size(): number {
    return this.#names.size;
  }

  /**
   * The name to bind for this text.
   *
   * @returns `isNew` when it must be parsed first; `evicted` names a statement to close, or is null.
   */
  use(text: string): { name: string; isNew: boolean; evicted: string | null } {
    const known = this.#names.get(text);
    if (known !== undefined) {
      this.#names.delete(text);
      this.#names.set(text, known);
      return { name: known, isNew: false, evicted: null };
    }
    let evicted: string | null = null;
    if (this.#names.size >= this.#max) {
      const [oldestText, oldestName] = this.#names.entries().next().value!;
      this.#names.delete(oldestText);
      evicted = oldestName;
    }
    this.#counter += 1;
    const name = `s${this.#counter}`;
    this.#names.set(text, name);
    this.#unconfirmed.push(text);
    return { name, isNew: true, evicted };
  }

  /** Postgres parsed the oldest statement that was waiting for it. */
  confirm(): void {
    this.#unconfirmed.shift();
  }

  /** A pipeline failed: what was not parsed by then never will be. */
  forgetUnconfirmed(): void {
    for (const text of this.#unconfirmed) this.#names.delete(text);
    this.#unconfirmed = [];
  }
}
