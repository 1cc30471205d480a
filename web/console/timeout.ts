/** One `setTimeout` that is set, replaced and cleared as a thing of its own. */
export class Timeout {
  #id: ReturnType<typeof setTimeout> | null = null;

  get isSet(): boolean {
    return this.#id !== null;
  }

  set(delayMs: number, action: () => void): void {
    this.clear();
    this.#id = setTimeout(() => {
      this.#id = null;
      action();
    }, delayMs);
  }

  clear(): void {
    if (this.#id !== null) clearTimeout(this.#id);
    this.#id = null;
  }
}
