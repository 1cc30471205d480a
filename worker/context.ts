import type { Context } from "hono";
import type { NodeMode } from "../protocol/node-mode.ts";
import type { Caller } from "./auth/caller.ts";
import type { Credential } from "./auth/credential.ts";
import type { Database } from "./db/connect.ts";
import type { Env } from "./env.ts";
import type { Clock } from "./ports/clock.ts";
import type { Hubs } from "./ports/hub.ts";
import type { SocketPort } from "./ports/sockets.ts";

/** What a service needs of the world and of the request it serves, whichever transport brought it. */
export interface RequestContext {
  env: Env;
  db: Database;
  hubs: Hubs;
  clock: Clock;
  /** Taken from `X-Request-Id` or made here; in every answer, log line and agent command. */
  requestId: string;
  clientAddress: string | null;
  userAgent: string | null;
  /** Origin under which people reach the panel, such as `https://panel.example.com`. */
  origin: string;
  /** Runs on after the answer has been sent; a failure is logged and changes nothing. */
  background(task: Promise<unknown>): void;
}

export interface CallerContext extends RequestContext {
  caller: Caller;
}

/** A server as far as access to it is concerned, and what the caller may do with it. */
export interface ServerAccess {
  id: string;
  name: string;
  nodeId: string;
  ownerId: string;
  isSuspended: boolean;
  nodeMode: NodeMode;
  /** `["*"]` for the owner and administrators; narrowed by an API key's scopes. */
  permissions: string[];
}

/** A context in which the caller's right to one server has been established. Only `accessServer` makes one. */
export interface ServerContext extends CallerContext {
  server: ServerAccess;
}

export interface AppEnv {
  Bindings: Env;
  Variables: {
    ctx: RequestContext;
    sockets: SocketPort;
    credential?: Credential;
    caller?: Caller;
    server?: ServerAccess;
  };
}

/** The context of a route that a middleware has let a signed-in caller into. */
export function callerContext(c: Context<AppEnv>): CallerContext {
  const caller = c.get("caller");
  if (!caller) throw new Error("a route asked for the caller without a middleware that establishes one");
  return { ...c.get("ctx"), caller };
}

/** The context of a route below `/api/servers/:id`, behind `onServer`. */
export function serverContext(c: Context<AppEnv>): ServerContext {
  const server = c.get("server");
  if (!server) throw new Error("a route asked for a server without a middleware that establishes access");
  return { ...callerContext(c), server };
}
