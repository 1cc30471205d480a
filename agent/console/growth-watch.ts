/**
 * Tells that files in a folder were written to: inotify, with a slow poll as a net below it. Costs nothing while
 * nobody listens, and little while a flood goes on: a folder that reports more than a few events in a row is left
 * alone for a moment and then reported once.
 */
import { type FSWatcher, watch } from "node:fs";

/** Events in a row, each within `REST_MS` of the last, after which the watch rests. */
const EVENTS_BEFORE_REST = 16;
const REST_MS = 20;
/** Finds what inotify missed, and a folder that appears late. */
const POLL_MS = 2_000;

export class GrowthWatch {
  readonly #folder: string;
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | null = null;
  #poll: NodeJS.Timeout | null = null;
  #rest: NodeJS.Timeout | null = null;
  #eventsInRow = 0;
  #lastEventAt = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get isActive(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: () => void): () => void {
    const entry = () => listener();
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      if (this.#listeners.delete(entry) && this.#listeners.size === 0) this.stop();
    };
  }

  stop(): void {
    this.#listeners.clear();
    this.#unwatch();
    if (this.#poll) clearInterval(this.#poll);
    if (this.#rest) clearTimeout(this.#rest);
    this.#poll = this.#rest = null;
  }

  #start(): void {
    this.#watch();
    this.#poll = setInterval(() => {
      // Anew each time: the folder may have been removed and made again.
      if (!this.#rest) {
        this.#unwatch();
        this.#watch();
      }
      this.#tell();
    }, POLL_MS);
    this.#poll.unref();
  }

  #watch(): void {
    if (this.#watcher) return;
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => this.#onEvent());
      this.#watcher.on("error", () => this.#unwatch());
    } catch {
      // The folder is not there yet, or the machine is out of watches: the poll goes on and tries again.
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #onEvent(): void {
    const now = performance.now();
    this.#eventsInRow = now - this.#lastEventAt < REST_MS ? this.#eventsInRow + 1 : 0;
    this.#lastEventAt = now;
    if (this.#eventsInRow >= EVENTS_BEFORE_REST) {
      this.#eventsInRow = 0;
      this.#unwatch();
      this.#rest ??= setTimeout(() => {
        this.#rest = null;
        if (!this.isActive) return;
        this.#watch();
        this.#tell();
      }, REST_MS);
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
