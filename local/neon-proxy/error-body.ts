import { RequestError } from "./request.ts";

/** Fields of a Postgres error as Neon's HTTP protocol names them, and as `pg` does. */
const FIELDS = [
  "severity",
  "code",
  "detail",
  "hint",
  "position",
  "internalPosition",
  "internalQuery",
  "where",
  "schema",
  "table",
  "column",
  "dataType",
  "constraint",
  "file",
  "line",
  "routine",
] as const;

/** What a failed request is answered with. Only what Postgres or the protocol itself says: no stack, no statement. */
export function toErrorBody(error: unknown): Record<string, unknown> {
  if (error instanceof RequestError) return { message: error.message, code: error.code, severity: "ERROR" };
  if (!(error instanceof Error)) return { message: "unknown error" };
  const body: Record<string, unknown> = { message: error.message };
  for (const field of FIELDS) {
    const value = (error as unknown as Record<string, unknown>)[field];
    if (value !== undefined) body[field] = value;
  }
  return body;
}
