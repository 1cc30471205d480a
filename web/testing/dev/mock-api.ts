/**
 * A stand-in for the control plane, to look at the panel without one: `node web/testing/dev/mock-api.ts [port] [folder]` serves
 * the built panel with a small fleet behind it. For development only; nothing of it is shipped.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { WebSocketServer } from "ws";
import { MockConsole } from "./mock-console.ts";
import {
  ALLOCATIONS,
  API_KEYS,
  AUDIT,
  CRASHES,
  GRANTS,
  ME,
  NODES,
  POOLS,
  SERVER_ALLOCATIONS,
  SERVERS,
  SESSIONS,
  TEMPLATES,
  USERS,
} from "./mock-data.ts";

const port = Number(process.argv[2] ?? 3999);
const panel = process.argv[3] ?? join(import.meta.dirname, "../../../dist/web");
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const policy = readFileSync(join(panel, "_headers"), "utf8").match(/Content-Security-Policy: (.*)/)?.[1] ?? "";

let signedIn = false;
/** `?empty` on the sign-in call makes the fleet empty, to look at empty states. */
let isEmpty = false;
const consoles = new Map<string, MockConsole>();
const consoleOf = (id: string) => consoles.get(id) ?? consoles.set(id, new MockConsole(id)).get(id)!;

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  constructor(status: number, code: string, message: string, details?: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

const found = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Refusal(404, "NOT_FOUND", "There is no such thing here.");
  return value;
};

type Handler = (match: RegExpExecArray, body: Record<string, unknown>, url: URL) => unknown;
const list = (items: readonly unknown[]) => ({ list: isEmpty ? [] : items });

const ROUTES: [string, RegExp, Handler][] = [
  ["GET", /^\/api\/auth\/me$/, () => (signedIn ? ME : refuse())],
  ["GET", /^\/api\/auth\/policy$/, () => ({ registration: "open" })],
  [
    "POST",
    /^\/api\/auth\/login$/,
    (_match, body, url) => {
      if (body.password === "wrong") throw new Refusal(401, "INVALID_CREDENTIALS", "E-mail or password is wrong.");
      signedIn = true;
      isEmpty = url.searchParams.has("empty") || body.email === "empty@example.com";
      return { token: "t", expiresAt: new Date().toISOString(), user: ME };
    },
  ],
  [
    "POST",
    /^\/api\/auth\/logout$/,
    () => {
      signedIn = false;
      return null;
    },
  ],
  ["GET", /^\/api\/auth\/sessions$/, () => SESSIONS],
  ["GET", /^\/api\/(auth\/)?api-keys$/, () => API_KEYS],
  [
    "POST",
    /^\/api\/(auth\/)?api-keys$/,
    (_match, body) => ({ ...API_KEYS[0], ...body, key: "cat_9f3a1c0d6b7e4f2a8d5c3b1a9e7f6d5c" }),
  ],
  [
    "GET",
    /^\/api\/servers$/,
    (_match, _body, url) =>
      list(
        SERVERS.filter(
          (server) =>
            server.name.toLowerCase().includes((url.searchParams.get("q") ?? "").toLowerCase()) &&
            (!url.searchParams.has("nodeId") || server.nodeId === url.searchParams.get("nodeId")),
        ),
      ),
  ],
  [
    "POST",
    /^\/api\/servers$/,
    (_match, body) => {
      if (body.primaryPort === 25565) {
        throw new Refusal(409, "PORT_IN_USE", "Port 25565 is taken on this node.", [
          { path: "primaryPort", message: "is taken on this node" },
        ]);
      }
      return SERVERS[0];
    },
  ],
  ["GET", /^\/api\/servers\/([^/]+)$/, ([, id]) => found(SERVERS.find((server) => server.id === id))],
  ["GET", /^\/api\/servers\/([^/]+)\/access$/, ([, id]) => list(id === "srv-1" ? GRANTS : [])],
  ["GET", /^\/api\/servers\/([^/]+)\/activity$/, () => list(AUDIT.slice(0, 4))],
  ["GET", /^\/api\/servers\/([^/]+)\/crashes$/, ([, id]) => list(id === "srv-1" ? [] : CRASHES)],
  [
    "GET",
    /^\/api\/servers\/([^/]+)\/stats$/,
    ([, id]) => ({
      cpuPercent: 20 + 90 * Math.random(),
      memoryBytes: 2.2e9 + 9e8 * Math.random(),
      diskBytes: 21_400_000_000,
      diskLimitBytes: 20_480 * 1024 * 1024,
      diskLimitKind: "soft",
      diskState: id === "srv-5" ? "full" : "ok",
      diskNotice: null,
    }),
  ],
  [
    "GET",
    /^\/api\/servers\/([^/]+)\/logs$/,
    ([, id], _body, url) =>
      consoleOf(id!).read(Number(url.searchParams.get("from")), Number(url.searchParams.get("limit"))),
  ],
  [
    "POST",
    /^\/api\/servers\/([^/]+)\/(start|stop|restart|kill)$/,
    ([, id, action]) => {
      const server = found(SERVERS.find((candidate) => candidate.id === id));
      server.status = action === "start" || action === "restart" ? "starting" : "stopping";
      setTimeout(() => {
        server.status = server.status === "starting" ? "running" : "stopped";
      }, 2_000).unref();
      return { state: server.status, alreadyUnderWay: false, commandId: "c" };
    },
  ],
  ["GET", /^\/api\/nodes$/, () => list(NODES)],
  ["POST", /^\/api\/nodes$/, () => ({ ...NODES[2], id: "node-3", secret: "s" })],
  [
    "POST",
    /^\/api\/nodes\/([^/]+)\/deployment-token$/,
    () => ({
      deploymentToken: "dep_1",
      deployUrl: "https://panel.example.com/api/deploy/dep_1",
      command: "bash <(curl -fsSL https://panel.example.com/api/deploy/dep_4f9a2c71e05b4d3c9f1e)",
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    }),
  ],
  [
    "POST",
    /^\/api\/nodes\/([^/]+)\/update-agent$/,
    ([, id]) => ({ state: id === "node-1" ? "current" : "started", version: NODES[0]!.latestAgentVersion }),
  ],
  ["POST", /^\/api\/nodes\/([^/]+)\/preflight$/, ([, id]) => found(NODES.find((node) => node.id === id))],
  ["GET", /^\/api\/nodes\/([^/]+)$/, ([, id]) => found(NODES.find((node) => node.id === id))],
  [
    "GET",
    /^\/api\/nodes\/([^/]+)\/allocations$/,
    (_match, _body, url) => {
      const { q = "", use, ip } = Object.fromEntries(url.searchParams);
      const isUse = (isUsed: boolean) => use === undefined || (use === "used") === isUsed;
      return list(
        ALLOCATIONS.filter(
          (each) =>
            isUse(each.serverId !== null) &&
            (ip === undefined || each.ip === ip) &&
            `${each.port} ${each.notes} ${each.serverName}`.toLowerCase().includes(q.toLowerCase()),
        ),
      );
    },
  ],
  ["DELETE", /^\/api\/nodes\/([^/]+)\/allocations$/, () => ({ deleted: 4, inUse: 4 })],
  ["GET", /^\/api\/pools$/, () => list(POOLS)],
  ["GET", /^\/api\/servers\/([^/]+)\/allocations$/, () => list(SERVER_ALLOCATIONS)],
  [
    "GET",
    /^\/api\/nodes\/([^/]+)\/stats$/,
    ([, id]) => ({
      type: "health_report",
      nodeId: id,
      cpuPercent: 30 + 25 * Math.random(),
      memoryUsageMb: 21_000,
      memoryTotalMb: 32_768,
      diskUsageMb: 130_000,
      diskTotalMb: 512_000,
      containerCount: 4,
      uptimeSeconds: 812_000,
      loadAverage: [1.4, 1.1, 0.9],
    }),
  ],
  ["GET", /^\/api\/locations$/, () => list([{ id: "home", name: "Home", description: "", createdAt: "" }])],
  ["GET", /^\/api\/templates$/, () => list(TEMPLATES)],
  ["GET", /^\/api\/templates\/([^/]+)$/, ([, id]) => found(TEMPLATES.find((template) => template.id === id))],
  [
    "POST",
    /^\/api\/templates$/,
    () => {
      throw new Refusal(400, "VALIDATION", "The template is not valid.", [
        { path: "variables.0.rules.1", message: 'unknown rule "betwen"' },
      ]);
    },
  ],
  ["GET", /^\/api\/users$/, () => list(USERS)],
  ["GET", /^\/api\/roles$/, () => list([{ id: "r-3", name: "User", permissions: [], isPreset: true }])],
  ["GET", /^\/api\/audit$/, () => list(AUDIT)],
];

function refuse(): never {
  throw new Refusal(401, "UNAUTHENTICATED", "Sign in first.");
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? (JSON.parse(text) as Record<string, unknown>) : {};
}

function serveFile(path: string, response: ServerResponse): void {
  const isFile = extname(path) !== "";
  const file = readFileSync(join(panel, isFile ? path : "index.html"));
  response.writeHead(200, {
    "content-type": TYPES[isFile ? extname(path) : ".html"] ?? "application/octet-stream",
    "content-security-policy": policy,
  });
  response.end(file);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  try {
    if (!url.pathname.startsWith("/api/")) return serveFile(url.pathname, response);
    const body = await bodyOf(request);
    for (const [method, pattern, handler] of ROUTES) {
      const match = method === request.method ? pattern.exec(url.pathname) : null;
      if (!match) continue;
      const data = handler(match, body, url);
      const items = (data as { list?: unknown[] } | null)?.list;
      return items
        ? send(200, { success: true, data: items, page: { nextCursor: null } })
        : send(200, { success: true, data });
    }
    throw new Refusal(404, "NOT_FOUND", "There is no such thing here.");
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(500, "INTERNAL", "Something went wrong.");
    const { status, code, message, details } = refusal;
    send(status, { success: false, error: message, code, requestId: "req_7Hk2nQ", ...(details ? { details } : {}) });
  }
});
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket, request) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const id = /^\/api\/servers\/([^/]+)\/console$/.exec(url.pathname)?.[1];
  if (!id) return socket.close();
  consoleOf(id).join(socket, url.searchParams.has("from") ? Number(url.searchParams.get("from")) : null);
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
