import { signingKeys } from "./token.ts";

/**
 * Encrypts what must be kept for a while and may hold secrets, so that a copy of the database does not hold them.
 * The key comes from the installation's own secret and a purpose; it is never stored.
 */
async function sealingKey(jwtKeys: string, purpose: string): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", signingKeys(jwtKeys)[0]!.secret, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode(`catalyst ${purpose}`);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
  return await crypto.subtle.deriveKey(derivation, secret, { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
}

const NONCE_BYTES = 12;

/** @returns base64 of nonce and ciphertext */
export async function seal(jwtKeys: string, purpose: string, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const key = await sealingKey(jwtKeys, purpose);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(text));
  return Buffer.concat([iv, new Uint8Array(sealed)]).toString("base64");
}

/** @returns null when it was sealed with another key or has been changed */
export async function unseal(jwtKeys: string, purpose: string, sealed: string): Promise<string | null> {
  const bytes = Buffer.from(sealed, "base64");
  const iv = new Uint8Array(bytes.subarray(0, NONCE_BYTES));
  const key = await sealingKey(jwtKeys, purpose);
  try {
    const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, new Uint8Array(bytes.subarray(NONCE_BYTES)));
    return new TextDecoder().decode(text);
  } catch {
    return null;
  }
}
