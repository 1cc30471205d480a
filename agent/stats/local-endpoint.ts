/** `GET http://127.0.0.1:<port>/stats`: the node's figures for whoever is on the machine. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const LOOPBACK = "127.0.0.1";
const OWN_NAMES = new Set(["127.0.0.1", "localhost", "[::1]"]);

export interface LocalEndpoint {
  port: number;
  close(): Promise<void>;
}

function hostName(request: IncomingMessage): string {
  return (request.headers.host ?? "").replace(/:\d+$/, "");
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/**
 * @param port 0 takes any free one.
 * @param stats what to answer.
 * @throws Error with code EADDRINUSE when somebody else has the port.
 */
export async function openLocalEndpoint(port: number, stats: () => Promise<unknown>): Promise<LocalEndpoint> {
  const server = createServer((request, response) => {
    // A page in a browser on this machine must not read it through a name that it points here.
    if (!OWN_NAMES.has(hostName(request))) return answer(response, 403, { error: "Ask for 127.0.0.1." });
    if (request.url !== "/stats") return answer(response, 404, { error: "There is only /stats." });
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answer(response, 405, { error: "Only GET." });
    }
    stats().then(
      (body) => answer(response, 200, body),
      () => answer(response, 500, { error: "The figures cannot be read now." }),
    );
  });
  server.keepAliveTimeout = 1_000;
  await listen(server, port);
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
