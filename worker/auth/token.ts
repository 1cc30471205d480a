import { errors, jwtVerify, SignJWT } from "jose";
import { Refusal } from "../errors.ts";

const ISSUER = "catalyst";
const SECRET_MIN_BYTES = 32;

interface SigningKey {
  kid: string;
  secret: Uint8Array;
}

export interface SessionClaims {
  sessionId: string;
  userId: string;
}

const parsed = new Map<string, SigningKey[]>();

/** Reads `JWT_KEYS`: the first key signs, all verify, so keys rotate without ending sessions. */
export function signingKeys(text: string): SigningKey[] {
  const known = parsed.get(text);
  if (known) return known;
  const entries = JSON.parse(text) as { kid?: unknown; secret?: unknown }[];
  const keys = entries.map(({ kid, secret }) => {
    if (typeof kid !== "string" || typeof secret !== "string")
      throw new Error("JWT_KEYS: each key needs kid and secret");
    const bytes = new Uint8Array(Buffer.from(secret, "base64url"));
    if (bytes.length < SECRET_MIN_BYTES) throw new Error(`JWT_KEYS: the secret of ${kid} is shorter than 32 bytes`);
    return { kid, secret: bytes };
  });
  if (keys.length === 0) throw new Error("JWT_KEYS holds no key");
  parsed.set(text, keys);
  return keys;
}

export async function signSession(claims: SessionClaims, jwtKeys: string, nowMs: number, expiresAt: Date) {
  const key = signingKeys(jwtKeys)[0]!;
  return await new SignJWT({ sid: claims.sessionId, uid: claims.userId })
    .setProtectedHeader({ alg: "HS256", kid: key.kid })
    .setIssuer(ISSUER)
    .setIssuedAt(Math.floor(nowMs / 1000))
    .setExpirationTime(Math.floor(expiresAt.getTime() / 1000))
    .sign(key.secret);
}

/** Tokens whose signature has been checked, with the keys it was checked by; the oldest give way. */
const proved = new Map<string, { jwtKeys: string; claims: SessionClaims; expiresAtMs: number }>();
const PROVED_MAX = 2_000;

function remember(token: string, entry: { jwtKeys: string; claims: SessionClaims; expiresAtMs: number }): void {
  if (proved.size >= PROVED_MAX) proved.delete(proved.keys().next().value!);
  proved.set(token, entry);
}

const expired = () => new Refusal("AUTH_EXPIRED", "Your sign-in has expired.");

/**
 * Proves a token's signature, issuer and expiry. The session behind it must still be looked up.
 *
 * A signature once proved stays proved under the same keys, so it is checked once an isolate and not once a request;
 * the expiry is held against the clock each time.
 *
 * @throws Refusal AUTH_EXPIRED or UNAUTHENTICATED
 */
export async function verifySession(token: string, jwtKeys: string, nowMs: number): Promise<SessionClaims> {
  const known = proved.get(token);
  if (known?.jwtKeys === jwtKeys) {
    if (known.expiresAtMs <= nowMs) throw expired();
    return known.claims;
  }
  const keys = signingKeys(jwtKeys);
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = keys.find((candidate) => candidate.kid === kid);
        if (!key) throw new errors.JWKSNoMatchingKey();
        return key.secret;
      },
      { algorithms: ["HS256"], issuer: ISSUER, currentDate: new Date(nowMs), requiredClaims: ["exp"] },
    );
    if (typeof payload.sid === "string" && typeof payload.uid === "string") {
      const claims = { sessionId: payload.sid, userId: payload.uid };
      remember(token, { jwtKeys, claims, expiresAtMs: payload.exp! * 1000 });
      return claims;
    }
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw expired();
    if (!(error instanceof errors.JOSEError)) throw error;
  }
  throw new Refusal("UNAUTHENTICATED", "Sign in first.");
}
