/** The database comes up on its own folder whatever a killed run has left there. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { type RunningPostgres, startPostgres } from "./postgres.ts";
import { postgresUser } from "./postgres-binaries.ts";
import { isStillRunning } from "./process-identity.ts";

let folder: string;
let postgres: RunningPostgres;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-postgres-"));
  postgres = await start();
  await query("create table kept (value text)");
  await query("insert into kept values ('here')");
});
beforeEach(() => {
  expect(isStillRunning(postgres.identity)).toBe(true);
});
afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const start = () => startPostgres({ folder, isDurable: false });
const pidFile = () => join(folder, "cluster", "postmaster.pid");

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres.url("postgres") });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function query(text: string): Promise<unknown[]> {
  const client = await connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await delay(5);
  }
}

/** Starts again, and sees that everything is there. */
async function expectStart(): Promise<void> {
  postgres = await start();
  expect(await query("select value from kept")).toEqual([{ value: "here" }]);
}

/** A process of the database's user, ended with the test. */
function strangerProcess(script: string): ChildProcess {
  const child = spawn("/bin/sh", ["-c", script], { ...postgresUser(), stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

it("ends a server that an earlier run left running", async () => {
  const earlier = postgres.identity;
  await expectStart();
  expect(isStillRunning(earlier)).toBe(false);
});

it("waits for, or ends, what a killed server has left at work", async () => {
  const client = await connect();
  const { rows } = await client.query("select pg_backend_pid() as pid");
  // A backend that is stopped cannot notice that its server is gone.
  process.kill(rows[0].pid, "SIGSTOP");
  process.kill(postgres.identity.pid, "SIGKILL");
  await expectStart();
});

it("is not kept off by a process that has ended and was not collected", async () => {
  await postgres.stop();
  // The shell's child ends once the shell has become something that never asks for it.
  const child = "until grep -q sleep /proc/$PPID/comm; do sleep 0.01; done";
  const stranger = strangerProcess(`sh -c '${child}' & echo $!; exec sleep 60`);
  const pid = await new Promise<string>((resolve) => stranger.stdout!.once("data", (text) => resolve(String(text))));
  await until("the zombie", () => / Z /.test(readFileSync(`/proc/${pid.trim()}/stat`, "utf8")));
  writeFileSync(pidFile(), `${pid.trim()}\n${join(folder, "cluster")}\n`);
  await expectStart();
});

it("is not kept off by a process that has its pid by now, and leaves that in peace", async () => {
  await postgres.stop();
  const stranger = strangerProcess("exec sleep 60");
  writeFileSync(pidFile(), `${stranger.pid}\n${join(folder, "cluster")}\n`);
  await expectStart();
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
});

it("makes the cluster anew when the first start was killed while making it", async () => {
  const other = mkdtempSync(join(tmpdir(), "catalyst-postgres-"));
  onTestFinished(() => rmSync(other, { recursive: true, force: true, maxRetries: 5 }));
  const code = `import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, "postgres.ts"))};
    await startPostgres({ folder: ${JSON.stringify(other)}, isDurable: false });`;
  const first = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: "ignore" });
  await until("a half-made cluster", () => existsSync(join(other, "cluster.new", "PG_VERSION")));
  first.kill("SIGKILL");
  const second = await startPostgres({ folder: other, isDurable: false });
  await second.stop();
});

it("tells what is wrong, not the advice that follows it", async () => {
  await postgres.stop();
  const control = join(folder, "cluster", "global", "pg_control");
  const whole = readFileSync(control);
  writeFileSync(control, "");
  await expect(start()).rejects.toThrow(/does not start: .*pg_control/);
  writeFileSync(control, whole);
  await expectStart();
});
