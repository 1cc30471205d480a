import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { GlobalPermission, ServerPermission } from "../../protocol/permissions.ts";
import { loadCaller } from "../auth/caller.ts";
import { type Credential, readCredential, requireOwnSite } from "../auth/credential.ts";
import { allows, refuse } from "../auth/permissions.ts";
import { type AppEnv, callerContext } from "../context.ts";
import { Refusal } from "../errors.ts";
import { touchApiKey } from "../services/api-keys/touch.ts";
import { accessServer, requireNotBarred } from "../services/servers/access.ts";

/** Origins that are the panel itself: the one the request came to and the configured public one. */
export function ownOrigins(c: Context<AppEnv>): string[] {
  return [new URL(c.req.url).origin, c.get("ctx").origin];
}

/** Proves the credential's signature and that the panel itself sent it, and asks the database nothing yet. */
async function establishCredential(c: Context<AppEnv>): Promise<Credential> {
  const known = c.get("credential");
  if (known) return known;
  const ctx = c.get("ctx");
  const credential = await readCredential(c.req.raw.headers, ctx.env.JWT_KEYS, ctx.clock.now());
  if (!credential) throw new Refusal("UNAUTHENTICATED", "Sign in first.");
  requireOwnSite(credential, c.req.method, c.req.raw.headers, () => ownOrigins(c));
  c.set("credential", credential);
  return credential;
}

/** Looks the caller up once a request. @throws Refusal when there is none */
export async function establishCaller(c: Context<AppEnv>): Promise<void> {
  if (c.get("caller")) return;
  const credential = await establishCredential(c);
  const ctx = c.get("ctx");
  const caller = await loadCaller(ctx.db, credential, ctx.clock.now(), ctx.clientAddress);
  c.set("caller", caller);
  touchApiKey({ ...ctx, caller });
}

/** Lets in who carries a valid credential; the route's own statement finds the caller. */
export const withCredential = createMiddleware<AppEnv>(async (c, next) => {
  await establishCredential(c);
  await next();
});

/** Lets in any signed-in caller. */
export const signedIn = createMiddleware<AppEnv>(async (c, next) => {
  await establishCaller(c);
  await next();
});

/**
 * Lets in who signed in with a password, not with an API key: what guards the account itself must not be
 * reachable by a key that leaked.
 */
export const signedInPerson = createMiddleware<AppEnv>(async (c, next) => {
  await establishCaller(c);
  if (callerContext(c).caller.credential.kind !== "session") {
    throw new Refusal("PERMISSION_DENIED", "API keys may not do this. Sign in with your password.");
  }
  await next();
});

/** Lets in who holds at least one of these global permissions. */
export const allow = (...anyOf: [GlobalPermission, ...GlobalPermission[]]) =>
  createMiddleware<AppEnv>(async (c, next) => {
    await establishCaller(c);
    const { permissions } = callerContext(c).caller;
    if (!anyOf.some((permission) => allows(permissions, permission))) throw refuse(anyOf[0]);
    await next();
  });

/** Lets in who may do this with the server that the path names. */
export const onServer = (permission: ServerPermission) =>
  createMiddleware<AppEnv>(async (c, next) => {
    await establishCaller(c);
    const allowed = await accessServer(callerContext(c), c.req.param("id") ?? "", permission);
    // Whatever a route changes, and whichever permission lets one into it: nothing of a suspended server is changed.
    if (c.req.method !== "GET") requireNotBarred(allowed);
    c.set("server", allowed.server);
    await next();
  });
