/** Reads a request of Neon's HTTP protocol: who asks for which database, and what shall be run there. */
import type { IncomingHttpHeaders } from "node:http";
import type { Statement } from "./pipeline.ts";

/** A request that cannot be run as it stands; `code` is an SQLSTATE when Postgres has one for it. */
export class RequestError extends Error {
  override name = "RequestError";
  readonly status: number;
  readonly code: string | null;

  constructor(message: string, options: { status?: number; code?: string } = {}) {
    super(message);
    this.status = options.status ?? 400;
    this.code = options.code ?? null;
  }
}

export interface DatabaseAddress {
  user: string;
  password: string;
  database: string;
}

export interface SqlRequest {
  statements: Statement[];
  isBatch: boolean;
  /** The `BEGIN` that the batch's headers ask for; null for a single statement. */
  begin: string | null;
}

const STATEMENTS_MAX = 1_000;
const ISOLATION: Record<string, string> = {
  ReadUncommitted: "READ UNCOMMITTED",
  ReadCommitted: "READ COMMITTED",
  RepeatableRead: "REPEATABLE READ",
  Serializable: "SERIALIZABLE",
};

/** Takes user, password and database from the `Neon-Connection-String` header. */
export function readDatabaseAddress(headers: IncomingHttpHeaders): DatabaseAddress {
  const text = headers["neon-connection-string"];
  if (typeof text !== "string") throw new RequestError("the header Neon-Connection-String is missing");
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RequestError("the header Neon-Connection-String is not a URL");
  }
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    throw new RequestError("the header Neon-Connection-String must begin with postgres://");
  }
  try {
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return { user, password, database: decodeURIComponent(url.pathname.slice(1)) || user };
  } catch {
    throw new RequestError("the header Neon-Connection-String is not a URL");
  }
}

/** Reads the body `{query, params}` or `{queries: […]}` and the batch headers that go with it. */
export function readSqlRequest(body: string, headers: IncomingHttpHeaders): SqlRequest {
  if (headers["neon-raw-text-output"] !== "true" || headers["neon-array-mode"] !== "true") {
    throw new RequestError("only raw text output in array mode is spoken here, as Neon's driver asks for");
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new RequestError("the body is not JSON");
  }
  if (!isRecord(value)) throw new RequestError("the body must be an object");
  if (!("queries" in value)) return { statements: [readStatement(value)], isBatch: false, begin: null };
  const { queries } = value;
  if (!Array.isArray(queries)) throw new RequestError("queries must be an array");
  if (queries.length > STATEMENTS_MAX) throw new RequestError(`a batch holds at most ${STATEMENTS_MAX} statements`);
  return { statements: queries.map(readStatement), isBatch: true, begin: readBegin(headers) };
}

function readStatement(value: unknown): Statement {
  if (!isRecord(value) || typeof value.query !== "string") throw new RequestError("query must be text");
  const params = value.params ?? [];
  if (!Array.isArray(params)) throw new RequestError("params must be an array");
  if (params.length > 65_535) throw new RequestError("a statement has at most 65535 parameters");
  return { query: value.query, params: params.map(toPostgresText) };
}

/** JSON of a parameter as the text that Postgres reads for it. */
export function toPostgresText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return toArrayLiteral(value);
  return JSON.stringify(value);
}

function toArrayLiteral(values: unknown[]): string {
  const items = values.map((value) => {
    if (value === null) return "NULL";
    if (Array.isArray(value)) return toArrayLiteral(value);
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  });
  return `{${items.join(",")}}`;
}

function readBegin(headers: IncomingHttpHeaders): string {
  const parts = ["BEGIN"];
  const isolation = headers["neon-batch-isolation-level"];
  if (isolation !== undefined) {
    const level = typeof isolation === "string" ? ISOLATION[isolation] : undefined;
    if (!level) throw new RequestError("Neon-Batch-Isolation-Level is not one of Postgres's levels");
    parts.push(`ISOLATION LEVEL ${level}`);
  }
  if (headers["neon-batch-read-only"] === "true") parts.push("READ ONLY");
  if (headers["neon-batch-deferrable"] === "true") parts.push("DEFERRABLE");
  return parts.join(" ");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
