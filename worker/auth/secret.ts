import { createHash, randomBytes } from "node:crypto";

/** 256 random bits as base64url, behind a prefix that says what it is (and lets leak scanners recognise it). */
export function newSecret(prefix: string): string {
  return prefix + randomBytes(32).toString("base64url");
}

/**
 * What is stored of a high-entropy secret. With 256 bits in it there is nothing to guess, so no slow hash is needed,
 * and looking one up by its hash tells a timing observer nothing about the secret.
 */
export function secretHash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
