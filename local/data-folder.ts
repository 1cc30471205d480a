/**
 * The folder that holds everything that lasts:
 *
 *     lock            who uses it now            secrets.json    keys, 0600
 *     postgres/       the database               hubs/           Durable Objects, one SQLite file each
 *     nodes/<id>/     one agent and its servers  processes.json  what to end after a killed run
 *     edge/           the edge's configuration, made anew at each start
 *     swept-at        when what had expired was last deleted
 */
import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ProcessLock, tryLock } from "./process-lock.ts";

/** The folder cannot be used; the message is one sentence for the user. */
export class DataFolderError extends Error {
  override name = "DataFolderError";
}

export interface Secrets {
  /** The value of `JWT_KEYS`. */
  jwtKeys: { kid: string; secret: string }[];
}

export class DataFolder {
  readonly path: string;
  readonly #lock: ProcessLock;

  private constructor(path: string, lock: ProcessLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder if need be and takes it for this process alone.
   *
   * @throws DataFolderError when it cannot be written to, or another Catalyst uses it.
   */
  static open(path: string): DataFolder {
    makeUsable(path);
    return new DataFolder(path, takeLock(path));
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Reads the secrets, making them at the first start. */
  secrets(): Secrets {
    const path = this.join("secrets.json");
    const known = readIfPresent(path);
    if (known !== null) return parseSecrets(known, path);
    const secrets: Secrets = {
      jwtKeys: [{ kid: randomBytes(6).toString("hex"), secret: randomBytes(32).toString("base64url") }],
    };
    writeAtomically(path, `${JSON.stringify(secrets, null, 2)}\n`);
    return secrets;
  }

  /** Lets another process take the folder. */
  close(): void {
    this.#lock.release();
  }
}

/** Replaces a file in one step, readable by its owner alone. */
export function writeAtomically(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}.new`;
  try {
    writeFileSync(unfinished, text, { mode: 0o600, flush: true });
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

function makeUsable(path: string): void {
  try {
    // Others may pass through, to what belongs to them: the database runs as a user of its own.
    mkdirSync(path, { recursive: true, mode: 0o711 });
    if (!statSync(path).isDirectory()) throw new DataFolderError(`${path} is not a folder.`);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof DataFolderError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "EEXIST" || code === "ENOTDIR" ? "it is not a folder" : `it cannot be written to (${code})`;
    throw new DataFolderError(`The data folder ${path} cannot be used: ${reason}.`);
  }
}

function takeLock(folder: string): ProcessLock {
  const lock = tryLock(join(folder, "lock"));
  if ("release" in lock) return lock;
  throw new DataFolderError(
    `Another Catalyst (process ${lock.pid}) uses ${folder}: stop it, or choose another folder with --data.`,
  );
}

function parseSecrets(text: string, path: string): Secrets {
  try {
    const value = JSON.parse(text) as Secrets;
    const isWhole =
      value.jwtKeys.length > 0 && value.jwtKeys.every((key) => key.kid.length > 0 && key.secret.length >= 43);
    if (isWhole) return value;
  } catch {
    // Told below: never replaced by new ones, which would silently end every session and agent.
  }
  throw new DataFolderError(`${path} is damaged: restore it from a backup, or remove it to sign everybody out.`);
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
