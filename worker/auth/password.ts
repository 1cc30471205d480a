import { type BinaryLike, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import bcrypt from "bcryptjs";

/**
 * Password hashes: scrypt as a PHC string (`$scrypt$ln=14,r=8,p=5$salt$hash`), its parameters replayed on verify.
 *
 * The parameters are OWASP's equivalent choice that fits the runtime's cap of N·r·p ≤ 2^20 and a Worker's memory.
 * bcrypt hashes brought along from elsewhere verify too, and ask to be replaced.
 */
const CURRENT = { log2N: 14, r: 8, p: 5 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** The runtime refuses more; a stored hash that asks for more was not made here. */
const COST_MAX = 2 ** 20;

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,200})\$([A-Za-z0-9+/]{16,200})$/;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** A bcrypt hash of a higher cost would take seconds of CPU; it is refused rather than computed. */
const BCRYPT_COST_MAX = 14;

interface ScryptHash {
  log2N: number;
  r: number;
  p: number;
  salt: Buffer;
  hash: Buffer;
}

export interface Verdict {
  matches: boolean;
  /** The hash is weaker than what is made today: hash the password anew now that it is known. */
  isOutdated: boolean;
}

const unpadded = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");

function derive(password: BinaryLike, salt: BinaryLike, bytes: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function deriveWith(password: string, of: Omit<ScryptHash, "hash">, bytes: number): Promise<Buffer> {
  const options = { N: 2 ** of.log2N, r: of.r, p: of.p, maxmem: 256 * 2 ** of.log2N * of.r };
  return derive(password.normalize("NFC"), of.salt, bytes, options);
}

function parseScrypt(stored: string): ScryptHash | null {
  const match = PHC.exec(stored);
  if (!match) return null;
  const [log2N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (log2N < 1 || r < 1 || p < 1 || 2 ** log2N * r * p > COST_MAX) return null;
  return { log2N, r, p, salt: Buffer.from(match[4]!, "base64"), hash: Buffer.from(match[5]!, "base64") };
}

/** @returns a PHC string with a fresh salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await deriveWith(password, { ...CURRENT, salt }, HASH_BYTES);
  const { log2N, r, p } = CURRENT;
  return `$scrypt$ln=${log2N},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Checks a password against a stored hash of either kind. An unreadable hash matches nothing. */
export async function verifyPassword(password: string, stored: string): Promise<Verdict> {
  const parsed = parseScrypt(stored);
  if (parsed) {
    const hash = await deriveWith(password, parsed, parsed.hash.length);
    const isOutdated = parsed.log2N < CURRENT.log2N || parsed.r < CURRENT.r || parsed.p < CURRENT.p;
    return { matches: timingSafeEqual(hash, parsed.hash), isOutdated };
  }
  const cost = Number(BCRYPT.exec(stored)?.[1] ?? Number.NaN);
  if (cost >= 4 && cost <= BCRYPT_COST_MAX) {
    return { matches: await bcrypt.compare(password, stored), isOutdated: true };
  }
  return { matches: false, isOutdated: false };
}

/** Takes as long as checking a real password, so that an unknown e-mail address answers no sooner than a known one. */
export async function verifyNothing(password: string): Promise<void> {
  await deriveWith(password, { ...CURRENT, salt: Buffer.alloc(SALT_BYTES) }, HASH_BYTES);
}
