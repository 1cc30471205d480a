/**
 * The embedded Postgres of one machine: a cluster in a folder, reachable on loopback alone, with a password.
 *
 * It runs in a process group of its own, so that Ctrl-C reaches it only through `stop()`. Should its parent be killed it
 * ends too; whoever starts on the same folder next ends what is left. Durability is Postgres's own: fsync is on.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { endWithParent } from "./end-with-parent.ts";
import { freePort } from "./free-port.ts";
import { asPostgresUser, findPostgresBinaries, postgresUser } from "./postgres-binaries.ts";
import { endLeftovers } from "./postgres-leftovers.ts";
import { ServerLog } from "./postgres-log.ts";
import { endProcess, identify, isStillRunning, type ProcessIdentity } from "./process-identity.ts";

export interface PostgresOptions {
  /** Everything of this cluster: `cluster/`, `password`, `postgres.log`. */
  folder: string;
  /** Taken when it is free, so that a restart keeps the database's address. */
  preferredPort?: number;
  /** Off only for clusters that are thrown away, in tests. */
  isDurable?: boolean;
}

export interface RunningPostgres {
  host: string;
  port: number;
  user: string;
  password: string;
  /** Connection URL for a database of this cluster. */
  url(database: string): string;
  /** Creates the database unless it exists. */
  ensureDatabase(name: string): Promise<void>;
  identity: ProcessIdentity;
  /** Settles when the server has ended, wanted or not. */
  ended: Promise<void>;
  /** Ends sessions, writes everything out and stops. Safe to call twice. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const SUPERUSER = "catalyst";
const READY_DEADLINE_MS = 60_000;

/**
 * Starts Postgres on a folder, making the cluster at the first time and ending a server left over from a killed run.
 *
 * @throws an Error with one sentence for the user when the folder cannot be used.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const cluster = join(options.folder, "cluster");
  await prepareFolder(options.folder);
  // Made beside its place and moved there when whole: a start that was cut short leaves no half cluster.
  const unfinished = `${cluster}.new`;
  await endLeftovers({ cluster, unfinished });
  const password = await ensureCluster({ folder: options.folder, cluster, unfinished }, options.isDurable ?? true);
  const port = await freePort(HOST, options.preferredPort);
  const logPath = join(options.folder, "postgres.log");
  const log = new ServerLog(logPath);
  const identity = await launch(cluster, log, port, options.isDurable ?? true);
  const url = (database: string) => `postgres://${SUPERUSER}:${password}@${HOST}:${port}/${database}`;
  const ended = untilEnded(identity);
  await untilReady(url("postgres"), identity, log);
  return {
    host: HOST,
    port,
    user: SUPERUSER,
    password,
    url,
    identity,
    ended,
    ensureDatabase: (name) => ensureDatabase(url("postgres"), name),
    // SIGINT is Postgres's "fast shutdown": sessions are ended, nothing committed is lost.
    stop: () => endProcess(identity, "SIGINT", 20_000),
  };
}

/** The cluster's folder belongs to the database's user; its parent keeps its own owner. */
async function prepareFolder(folder: string): Promise<void> {
  const user = postgresUser();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (user) await chown(folder, user.uid, user.gid);
}

/** Makes the cluster unless there is one. @returns the superuser's password. */
async function ensureCluster(
  { folder, cluster, unfinished }: { folder: string; cluster: string; unfinished: string },
  isDurable: boolean,
): Promise<string> {
  const passwordPath = join(folder, "password");
  if (existsSync(join(cluster, "PG_VERSION"))) {
    await checkVersion(cluster);
    const password = await readFile(passwordPath, "utf8").catch(() => "");
    if (password.trim() === "") throw new Error(`the database's password is missing: ${passwordPath}`);
    return password.trim();
  }
  const found = await readdir(cluster).catch(() => []);
  if (found.length > 0) throw new Error(`${cluster} is damaged: it is no Postgres database, and it is not empty`);
  await rm(unfinished, { recursive: true, force: true });
  const password = randomBytes(24).toString("base64url");
  const user = postgresUser();
  await writeFile(passwordPath, `${password}\n`, { mode: 0o600, flush: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (user) {
    await chown(passwordPath, user.uid, user.gid);
    await chown(unfinished, user.uid, user.gid);
  }
  await initialise(unfinished, passwordPath, isDurable);
  await rename(unfinished, cluster);
  return password;
}

async function initialise(cluster: string, passwordPath: string, isDurable: boolean): Promise<void> {
  const args = [
    `--pgdata=${cluster}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordPath}`,
    "--encoding=UTF8",
    // The built-in locale sorts the same on every machine, whatever C library it has.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    // Neon asks for the password in clear inside TLS; here the wire is loopback, and what is stored is a SCRAM verifier.
    "--auth=password",
    ...(isDurable ? [] : ["--no-sync"]),
  ];
  const program = findPostgresBinaries().initdb;
  const call = asPostgresUser(...endWithParent("SIGTERM", program, args), [program, cluster]);
  const child = spawn(call.file, call.args, {
    ...(call.uid === undefined ? {} : { uid: call.uid, gid: call.gid! }),
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (code !== 0) throw new Error(`the database could not be made in ${cluster}: ${lastLine(errors)}`);
}

async function checkVersion(cluster: string): Promise<void> {
  const has = (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  if (has !== "18")
    throw new Error(`the database in ${cluster} is of Postgres ${has}, this release brings Postgres 18`);
}

async function launch(cluster: string, log: ServerLog, port: number, isDurable: boolean): Promise<ProcessIdentity> {
  const settings: Record<string, string | number> = {
    listen_addresses: HOST,
    port,
    unix_socket_directories: "",
    fsync: isDurable ? "on" : "off",
    shared_buffers: "32MB",
    max_connections: 100,
    // Nothing replicates from here.
    wal_level: "minimal",
    max_wal_senders: 0,
    max_wal_size: "256MB",
    jit: "off",
    timezone: "UTC",
    log_timezone: "UTC",
    // Statements hold hashes and tokens: the log names errors, never what was asked.
    log_min_error_statement: "panic",
    log_parameter_max_length_on_error: 0,
    log_min_messages: "warning",
  };
  const args = ["-D", cluster, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const program = findPostgresBinaries().postgres;
  // The kernel forgets the wish to end with the parent when the user changes: it has to come after that.
  const call = asPostgresUser(...endWithParent("SIGINT", program, args), [program, cluster]);
  const output = await log.open();
  try {
    const child = spawn(call.file, call.args, {
      ...(call.uid === undefined ? {} : { uid: call.uid, gid: call.gid! }),
      cwd: "/",
      env: { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" },
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
    });
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    const identity = identify(child.pid!);
    if (!identity) throw new Error(`Postgres ended at once: ${await log.complaint()}`);
    return identity;
  } finally {
    await output.close();
  }
}

async function untilReady(url: string, identity: ProcessIdentity, log: ServerLog): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => {});
      const code = (error as { code?: string }).code;
      if (!isStillRunning(identity)) throw new Error(`Postgres does not start: ${await log.complaint()}`);
      const isStarting = code === "ECONNREFUSED" || code === "57P03" || code === "ECONNRESET";
      if (!isStarting || performance.now() > deadline) {
        await endProcess(identity, "SIGINT");
        throw new Error(`Postgres does not answer: ${(error as Error).message}`);
      }
      await delay(20);
    }
  }
}

async function untilEnded(identity: ProcessIdentity): Promise<void> {
  while (isStillRunning(identity)) await delay(250, undefined, { ref: false });
}

async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = $1", [name]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
