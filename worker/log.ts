import { databaseFault } from "./db/faults.ts";
import { Refusal } from "./errors.ts";

/**
 * What the log may hold of an error: its kind and place, never a statement, a parameter or a request body. Messages
 * of the database layer quote both, so they are replaced by the SQLSTATE.
 */
function describe(error: unknown): Record<string, unknown> {
  if (error instanceof Refusal) return { code: error.code, internal: error.internal };
  const fault = databaseFault(error);
  if (fault) return { sqlState: fault.sqlState, constraint: fault.constraint };
  if (!(error instanceof Error)) return { kind: typeof error };
  const isOfDatabase = error.message.startsWith("Failed query") || /Neon|Drizzle/.test(error.name);
  const frames = error.stack?.split("\n").filter((line) => /^\s+at /.test(line));
  return {
    kind: error.name,
    ...(isOfDatabase ? {} : { message: error.message.slice(0, 500) }),
    at: frames?.slice(0, 6).map((line) => line.trim()),
  };
}

/** One line of JSON on the error stream. */
export function logFault(what: string, requestId: string, error: unknown): void {
  console.error(JSON.stringify({ level: "error", what, requestId, ...describe(error) }));
}
