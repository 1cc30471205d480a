import { createMiddleware } from "hono/factory";
import { v7 as uuidv7 } from "uuid";
import type { AppEnv } from "../context.ts";
import { connectDatabase } from "../db/connect.ts";
import type { Env } from "../env.ts";
import { logFault } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Hubs } from "../ports/hub.ts";
import type { SocketPort } from "../ports/sockets.ts";

/** The outside world of the Worker, replaceable in tests. */
export interface Ports {
  hubs(env: Env): Hubs;
  clock: Clock;
  sockets: SocketPort;
  /** The address at the other end of the connection, where the edge tells it by other means than a header. */
  peerAddress?(request: Request): string | null;
}

/** Shorter than a correlation id may be: hub requests append an id of their own. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/;
const USER_AGENT_MAX_CHARS = 300;
const ADDRESS_MAX_CHARS = 64;

/** The client's address: in a header that the operator trusts, or told by the edge, or set by Cloudflare, or unknown. */
function clientAddress(ports: Ports, env: Env, request: Request): string | null {
  if (env.CLIENT_IP_HEADER === undefined && ports.peerAddress) return ports.peerAddress(request);
  const header = env.CLIENT_IP_HEADER ?? "cf-connecting-ip";
  const value = header === "" ? null : request.headers.get(header);
  return value === null ? null : value.split(",")[0]!.trim().slice(0, ADDRESS_MAX_CHARS) || null;
}

/** Gives every request its context and its id, and says the id in the answer. */
export function requestContext(ports: Ports) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : uuidv7();
    const waitUntil = executionContext(c);
    c.set("sockets", ports.sockets);
    c.set("ctx", {
      env: c.env,
      db: connectDatabase(c.env),
      hubs: ports.hubs(c.env),
      clock: ports.clock,
      requestId,
      clientAddress: clientAddress(ports, c.env, c.req.raw),
      userAgent: c.req.header("user-agent")?.slice(0, USER_AGENT_MAX_CHARS) ?? null,
      origin: c.env.PUBLIC_URL ? new URL(c.env.PUBLIC_URL).origin : new URL(c.req.url).origin,
      background: (task) => waitUntil(task.catch((error) => logFault("background task failed", requestId, error))),
    });
    await next();
    // The answer to an upgrade carries a socket and must be passed on untouched.
    if (c.res.status !== 101) c.res.headers.set("X-Request-Id", requestId);
  });
}

function executionContext(c: { executionCtx: { waitUntil(task: Promise<unknown>): void } }) {
  try {
    const context = c.executionCtx;
    return (task: Promise<unknown>) => context.waitUntil(task);
  } catch {
    // Outside the Workers runtime nothing ends a task early, so nothing must keep it alive.
    return () => {};
  }
}
