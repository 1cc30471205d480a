import { Refusal } from "../errors.ts";

export interface Page<T> {
  items: T[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/**
 * Keyset pages: a cursor is the sort key of the last row, so a page costs the same wherever it lies. It is opaque
 * to clients.
 */
export function encodeCursor(...key: string[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** @throws Refusal VALIDATION when the text is no cursor of so many parts */
export function decodeCursor(cursor: string | undefined, parts: number): string[] | null {
  if (cursor === undefined) return null;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (Array.isArray(key) && key.length === parts && key.every((part) => typeof part === "string")) return key;
  } catch {
    // Not JSON: refused below.
  }
  const details = [{ path: "cursor", message: "is not a cursor of this list" }];
  throw new Refusal("VALIDATION", "cursor: is not a cursor of this list", { details });
}

/** Makes a page of rows that were fetched one more than `limit`, so that one knows whether there is a next page. */
export function pageOf<Row, T = Row>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string[],
  toItem?: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: toItem ? shown.map(toItem) : (shown as unknown[] as T[]),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(...keyOf(last)) : null,
  };
}

/** Text for a LIKE pattern in which the user's own wildcards mean themselves. */
export const containing = (text: string) => `%${text.replace(/[\\%_]/g, "\\$&")}%`;
