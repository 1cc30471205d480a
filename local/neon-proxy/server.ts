/**
 * Stands in for Neon on one machine: its HTTP protocol (`POST /sql`) and its WebSocket tunnel (`/v2`), before an
 * ordinary Postgres. The Worker speaks to it with the same driver that speaks to Neon in production.
 *
 * It listens on loopback, and serves only who knows the database's password. A browser page never does, and is refused
 * by its `Origin` before that.
 *
 *     POST /sql    one statement or a batch          GET /stats    {statements, requests, tunnels}
 *     GET  /v2     WebSocket: Postgres's own wire     GET /health   {"ok":true}
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { toErrorBody } from "./error-body.ts";
import { ResultTooLarge, type StatementResult } from "./pipeline.ts";
import { type DatabaseAddress, RequestError, readDatabaseAddress, readSqlRequest } from "./request.ts";
import { Sessions } from "./sessions.ts";
import { type Tunnels, tunnelsTo } from "./tunnel.ts";

export interface NeonProxyOptions {
  postgres: { host: string; port: number; user: string; password: string };
  /** The one database served, or null for every database of that server (tests make their own). */
  database: string | null;
  /** 0 lets the system choose. */
  port?: number;
  sessionsPerDatabase?: number;
}

export interface NeonProxyStats {
  /** Statements asked for over HTTP, not counting the proxy's own BEGIN and COMMIT. */
  statements: number;
  /** HTTP requests that reached the database: round trips as the Worker sees them. */
  requests: number;
  /** WebSocket tunnels opened. */
  tunnels: number;
}

export interface NeonProxy {
  /** Such as `http://127.0.0.1:14444`. */
  url: string;
  port: number;
  stats(): NeonProxyStats;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const REQUEST_MAX_BYTES = 64 * 1024 * 1024;
/** Neon's own limit. */
const RESULT_MAX_BYTES = 10 * 1024 * 1024;

/** Starts the proxy; resolves when it listens. */
export async function startNeonProxy(options: NeonProxyOptions): Promise<NeonProxy> {
  const { postgres, database } = options;
  const stats: NeonProxyStats = { statements: 0, requests: 0, tunnels: 0 };
  const sessions = new Sessions({ ...postgres, maxPerDatabase: options.sessionsPerDatabase ?? 8 });
  const isAllowed = credentialCheck(postgres.user, postgres.password);

  const answerSql = async (request: IncomingMessage, response: ServerResponse) => {
    const address = readDatabaseAddress(request.headers);
    if (!isAllowed(address)) throw wrongPassword(address.user);
    if (database !== null && address.database !== database) throw noSuchDatabase(address.database);
    const { statements, isBatch, begin } = readSqlRequest(await readBody(request), request.headers);
    stats.requests += 1;
    stats.statements += statements.length;
    const results =
      statements.length === 0
        ? []
        : await sessions.run(address.database, { statements, begin, resultMaxBytes: RESULT_MAX_BYTES });
    sendJson(response, 200, isBatch ? { results: results.map(toBody) } : toBody(results[0]!));
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => sendError(response, error));
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.origin !== undefined) throw new RequestError("browsers are not served", { status: 403 });
    const path = request.url?.split("?")[0];
    if (path === "/sql" && request.method === "POST") await answerSql(request, response);
    else if (path === "/stats" && request.method === "GET") sendJson(response, 200, stats);
    else if (path === "/health" && request.method === "GET") sendJson(response, 200, { ok: true });
    else throw new RequestError("no such route", { status: 404 });
  };
  // The Worker keeps its connections; closing them under it would fail a request now and then.
  server.keepAliveTimeout = 120_000;
  const tunnels = tunnelsTo(postgres, () => {
    stats.tunnels += 1;
  });
  server.on("upgrade", (request, socket, head) => tunnels.upgrade(request, socket, head));
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://${HOST}:${port}`,
    port,
    stats: () => ({ ...stats }),
    close: () => close(server, sessions, tunnels),
  };
}

/** Compares in constant time, by digest so that lengths do not show either. */
function credentialCheck(user: string, password: string): (address: DatabaseAddress) => boolean {
  const digest = (address: { user: string; password: string }) =>
    createHash("sha256")
      .update(JSON.stringify([address.user, address.password]))
      .digest();
  const expected = digest({ user, password });
  return (address) => timingSafeEqual(digest(address), expected);
}

const wrongPassword = (user: string) =>
  new RequestError(`password authentication failed for user "${user}"`, { code: "28P01" });
const noSuchDatabase = (database: string) =>
  new RequestError(`database "${database}" does not exist`, { code: "3D000" });

function toBody(result: StatementResult) {
  const { command, rowCount, rows, fields } = result;
  return { command, rowCount, rowAsArray: true, rows, fields };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > REQUEST_MAX_BYTES) throw new RequestError("the request is too large", { status: 413 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  // As a string it leaves together with the head, in one write.
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof RequestError ? error.status : error instanceof ResultTooLarge ? 507 : 400;
  // The rest of a body that was refused is not read.
  if (status === 413) response.shouldKeepAlive = false;
  sendJson(response, status, toErrorBody(error));
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

async function close(server: Server, sessions: Sessions, tunnels: Tunnels): Promise<void> {
  tunnels.close();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
  await sessions.close();
}
