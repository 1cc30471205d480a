import { Refusal } from "../errors.ts";
import { secretHash } from "./secret.ts";
import { verifySession } from "./token.ts";

export const SESSION_COOKIE = "catalyst_session";
/** Proves that a script of the panel's own origin made the request: no form and no foreign page can set it. */
export const CSRF_HEADER = "x-catalyst-csrf";
export const API_KEY_PREFIX = "cat_";

const API_KEY = /^cat_[A-Za-z0-9_-]{43}$/;
const TOKEN_MAX_CHARS = 8192;

/** What a request proves by itself, before the database is asked. */
export type Credential =
  | { kind: "session"; sessionId: string; userId: string; viaCookie: boolean }
  | { kind: "apiKey"; keyHash: string; viaCookie: false };

const unauthenticated = () => new Refusal("UNAUTHENTICATED", "Sign in first.");

/** @throws Refusal UNAUTHENTICATED or AUTH_EXPIRED */
export async function readToken(token: string, jwtKeys: string, nowMs: number): Promise<Credential> {
  if (token.length > TOKEN_MAX_CHARS) throw unauthenticated();
  if (token.startsWith(API_KEY_PREFIX)) {
    if (!API_KEY.test(token)) throw unauthenticated();
    return { kind: "apiKey", keyHash: secretHash(token), viaCookie: false };
  }
  return { kind: "session", viaCookie: false, ...(await verifySession(token, jwtKeys, nowMs)) };
}

function cookieValue(headers: Headers): string | null {
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === SESSION_COOKIE) return pair.slice(equals + 1).trim();
  }
  return null;
}

/** The credential of a request, or null when it carries none. An `Authorization` header wins over the cookie. */
export async function readCredential(headers: Headers, jwtKeys: string, nowMs: number): Promise<Credential | null> {
  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const match = /^Bearer ([^\s]+)$/i.exec(authorization.trim());
    if (!match) throw unauthenticated();
    return await readToken(match[1]!, jwtKeys, nowMs);
  }
  const cookie = cookieValue(headers);
  if (cookie === null || cookie === "") return null;
  return { ...(await readToken(cookie, jwtKeys, nowMs)), viaCookie: true } as Credential;
}

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses what another site made the browser send: an unsafe method that rides on the cookie needs the CSRF header,
 * and an `Origin`, when there is one, must be the panel's own.
 */
export function requireOwnSite(
  credential: Credential,
  method: string,
  headers: Headers,
  ownOrigins: () => readonly string[],
) {
  if (!credential.viaCookie || SAFE_METHODS.has(method)) return;
  const origin = headers.get("origin");
  if (headers.get(CSRF_HEADER) !== "1" || (origin !== null && !ownOrigins().includes(origin))) {
    throw new Refusal(
      "PERMISSION_DENIED",
      `Requests by cookie need the header ${CSRF_HEADER}: 1 and this site's origin.`,
    );
  }
}

/**
 * Whether a WebSocket upgrade may use its cookie. Browsers let any page open a socket to any site and send the
 * cookie along, and the same-origin policy does not stop it: only the `Origin` header tells them apart.
 */
export function isOwnOrigin(headers: Headers, ownOrigins: readonly string[]): boolean {
  const origin = headers.get("origin");
  return origin !== null && ownOrigins.includes(origin);
}

/** `Set-Cookie` for a session; an empty token deletes it. `Secure` only over https: a plain-http LAN would lose it. */
export function sessionCookie(token: string, isHttps: boolean, expiresAt: Date): string {
  const attributes = ["Path=/", "HttpOnly", "SameSite=Strict", `Expires=${expiresAt.toUTCString()}`];
  if (isHttps) attributes.push("Secure");
  return [`${SESSION_COOKIE}=${token}`, ...attributes].join("; ");
}
