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

/**
 * Proves a token's signature, issuer and expiry. The session behind it must still be looked up.
 *
 * @throws Refusal AUTH_EXPIRED or UNAUTHENTICATED
 */
export async function verifySession(token: string, jwtKeys: string, nowMs: number): Promise<SessionClaims> {
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
      return { sessionId: payload.sid, userId: payload.uid };
    }
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new Refusal("AUTH_EXPIRED", "Your sign-in has expired.");
    if (!(error instanceof errors.JOSEError)) throw error;
  }
  throw new Refusal("UNAUTHENTICATED", "Sign in first.");
}
