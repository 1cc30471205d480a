/** Lines typed into one server's console, newest last, remembered in this browser. */

const LINES_MAX = 100;

export interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

const keyOf = (serverId: string) => `catalyst.commands.${serverId}`;

export function loadHistory(storage: Storage, serverId: string): string[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(keyOf(serverId)) ?? "[]");
    return Array.isArray(stored) ? stored.filter((line) => typeof line === "string").slice(-LINES_MAX) : [];
  } catch {
    return [];
  }
}

/** The history with a line added; the same line twice in a row is kept once. */
export function remember(storage: Storage, serverId: string, history: readonly string[], line: string): string[] {
  const next = history.at(-1) === line ? [...history] : [...history, line].slice(-LINES_MAX);
  try {
    storage.setItem(keyOf(serverId), JSON.stringify(next));
  } catch {
    // A full or refused storage forgets the history with the tab.
  }
  return next;
}

export interface Recall {
  /** Index in the history; its length means the line being written. */
  position: number;
  /** What was being written before looking back. */
  draft: string;
}

/** One step up (-1) or down (1) through the history; null when there is nothing further. */
export function recall(
  history: readonly string[],
  current: Recall,
  typed: string,
  step: -1 | 1,
): { recall: Recall; line: string } | null {
  const position = current.position + step;
  if (position < 0 || position > history.length) return null;
  const draft = current.position === history.length ? typed : current.draft;
  return { recall: { position, draft }, line: history[position] ?? draft };
}
