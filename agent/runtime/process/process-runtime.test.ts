import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bootIdentity } from "../../boot-identity.ts";
import { writeConsoleInput } from "../../console/console-input.ts";
import { serverPaths } from "../../console/server-paths.ts";
import { createLog } from "../../log.ts";
import { readProcessStat } from "../../process-stat.ts";
import { serverSpec } from "../../testing/server-spec.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import type { ExitStatus } from "../container-runtime.ts";
import { ProcessRuntime } from "./process-runtime.ts";

const ID = "game-1";
let dataDir: string;
let runtime: ProcessRuntime;
let exits: { runId: string; exit: ExitStatus }[];

const newRuntime = () => new ProcessRuntime({ dataDir, bootIdentity: bootIdentity(), log: createLog("silent") });
const watchExits = (watched: ProcessRuntime) => watched.watch((_, runId, exit) => void exits.push({ runId, exit }));

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "catalyst-process-"));
  exits = [];
  runtime = newRuntime();
  await watchExits(runtime);
});
afterEach(async () => {
  await runtime.remove(ID);
  await runtime.close();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

const paths = () => serverPaths(dataDir, ID);

function start(command: string, environment: Record<string, string> = {}) {
  const spec = serverSpec({ id: ID });
  return runtime.start({ spec, paths: paths(), command, environment: { SERVER_ID: ID, ...environment } });
}

function consoleText(): string {
  const names = readdirSync(paths().console).filter((name) => name === "current" || name.startsWith("@"));
  const inOrder = names.sort((a, b) => (a === "current" ? 1 : b === "current" ? -1 : a < b ? -1 : 1));
  return inOrder.map((name) => readFileSync(join(paths().console, name), "utf8")).join("");
}

const said = (text: string) => waitUntil(`the console to say ${text}`, () => consoleText().includes(text));
const ended = () => waitUntil("the exit", () => exits[0]);

test("output of both streams and answers to input are in the log, in order", async () => {
  await start("echo one; echo two >&2; read line; echo got $line; printf prompt");
  await said("two");
  await writeConsoleInput(paths(), "hello");
  await said("prompt");
  expect(consoleText()).toBe("one\ntwo\ngot hello\nprompt");
});

test("a server that has started can be written to at once", async () => {
  for (let round = 0; round < 20; round++) {
    await start("read line; echo $line");
    await writeConsoleInput(paths(), `round ${round}`);
    await said(`round ${round}\n`);
    await runtime.kill(ID);
  }
});

test.each([
  ["exit 0", 0, null],
  ["exit 42", 42, null],
  ["kill -SEGV $$", 139, "SIGSEGV"],
])("the end by '%s' is told apart", async (command, exitCode, signal) => {
  const { runId } = await start(command);
  expect(await ended()).toMatchObject({ runId, exit: { exitCode, signal, oomKilled: false } });
});

test("an exit while nobody watched is reported once, by whoever watches next", async () => {
  const { runId } = await start("read line; exit 7");
  await runtime.close();
  await writeConsoleInput(paths(), "go");
  const next = newRuntime();
  await waitUntil("the exit code", async () => (await next.inspect(ID))?.exit);
  await watchExits(next);
  expect((await ended()).exit.exitCode).toBe(7);
  await next.close();
  expect(exits.map((entry) => entry.runId)).toEqual([runId]);
});

test("starting a running server leaves it alone", async () => {
  const first = await start("exec sleep 60");
  expect(await start("exec sleep 60")).toEqual(first);
});

test("a server of the same id in another data folder is another server", async () => {
  const otherDir = mkdtempSync(join(tmpdir(), "catalyst-process-"));
  const other = new ProcessRuntime({ dataDir: otherDir, bootIdentity: bootIdentity(), log: createLog("silent") });
  try {
    const command = "setsid sleep 60 & exec sleep 60";
    const environment = { SERVER_ID: ID };
    await other.start({ spec: serverSpec({ id: ID }), paths: serverPaths(otherDir, ID), command, environment });
    await start(command);
    await runtime.kill(ID);
    await runtime.remove(ID);
    expect((await other.inspect(ID))?.isRunning).toBe(true);
    const sleeping = belonging(otherDir).filter((pid) => procText(pid, "cmdline").startsWith("sleep"));
    expect(sleeping).toHaveLength(2);
    expect(belonging()).toEqual([]);
  } finally {
    await other.remove(ID);
    await other.close();
    rmSync(otherDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
});

test("the game sees its own environment and PATH, and nothing of the agent's", async () => {
  process.env.CATALYST_TEST_SECRET = "hidden";
  await start("env; echo end", { GREETING: "it's $HOME `x`" });
  await said("end\n");
  delete process.env.CATALYST_TEST_SECRET;
  const names = consoleText()
    .split("\n")
    .map((line) => line.split("=")[0]);
  expect(
    names.filter(
      (name) =>
        !["GREETING", "SERVER_ID", "CATALYST_CONSOLE", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "end", ""].includes(
          name!,
        ),
    ),
  ).toEqual([]);
  expect(consoleText()).toContain("GREETING=it's $HOME `x`\n");
});

test("a variable of the owner does not reach the console logger", async () => {
  await start("echo written", { CONTAINER_ID: "x", PERL5OPT: "-Mnonexistent" });
  await said("written\n");
});

test.each(["SIGINT", "SIGTERM"])(
  "%s reaches the game behind a shell, and the run ends only when the game has",
  async (signal) => {
    const game = `trap 'echo saving; sleep 0.3; echo saved; exit 3' INT TERM; echo ready; while :; do sleep 0.05; done`;
    await start(`echo begin; sh -c "$GAME"; exit $?`, { GAME: game });
    await said("ready");
    await runtime.signal(ID, signal);
    const { exit } = await ended();
    // A shell that got the interrupt too says so in its own exit code.
    expect(signal === "SIGINT" ? [3, 130] : [3]).toContain(exit.exitCode);
    await said("saving\nsaved\n");
  },
);

test("kill ends children that left the session too", async () => {
  await start("setsid sleep 61 & echo $!; exec sleep 62");
  await said("\n");
  const child = Number(consoleText().trim());
  expect(readProcessStat(child)).not.toBeNull();
  await runtime.kill(ID);
  expect((await ended()).exit).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
  await waitUntil("the child to be gone", () => !readProcessStat(child) || readProcessStat(child)?.state === "Z");
});

test.each(["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1"])("%s reaches a game that traps it", async (signal) => {
  await start(`trap 'echo trapped; exit 7' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`);
  await said("ready\n");
  await runtime.signal(ID, signal);
  expect((await ended()).exit).toMatchObject({ exitCode: 7 });
  await said("trapped\n");
});

test("children that are left when the game ends go with it, and hold no restart up", async () => {
  await start("sleep 63 & echo $!");
  const child = Number(await waitUntil("the child's pid", () => consoleText().trim()));
  await ended();
  await waitUntil("the child to be gone", () => !readProcessStat(child) || readProcessStat(child)?.state === "Z");
  await start("echo again");
  await said("again\n");
});

/** Processes whose command line or environment names the folder, this test's own unless told otherwise. */
const belonging = (folder = dataDir) =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && readProcessStat(pid)?.state !== "Z")
    .filter((pid) => ["cmdline", "environ"].some((name) => procText(pid, name).includes(folder)));

function procText(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}

/** A child that has put off everything it could be known by, except that it writes to the console. */
const DAEMON = `env -i HIDDEN="$PLACE" setsid sh -c 'echo daemon; while :; do sleep 1; done' &`;

test("a game that ends takes with it what hid from it, and its logger ends", async () => {
  await start(`${DAEMON} read line; exit 5`, { PLACE: dataDir });
  await said("daemon");
  await writeConsoleInput(paths(), "go");
  expect((await ended()).exit.exitCode).toBe(5);
  await waitUntil("nothing to be left", () => belonging().length === 0);
});

test("removing a server ends whatever it has, though its shells were killed one by one", async () => {
  await start(`${DAEMON} cat; echo never`, { PLACE: dataDir });
  await said("daemon");
  const shells = belonging().filter((pid) => procText(pid, "comm").trim() === "sh");
  for (const pid of shells) {
    if (!procText(pid, "environ").includes("HIDDEN=")) process.kill(pid, "SIGKILL");
  }
  expect(belonging().some((pid) => procText(pid, "environ").includes("HIDDEN="))).toBe(true);
  await runtime.remove(ID);
  expect(belonging()).toEqual([]);
});

test("a run that the last agent wrote down and did not start never comes to life", async () => {
  const { runId } = await start("exec sleep 69");
  await runtime.kill(ID);
  await ended();
  const runs = join(dataDir, "process-runtime", "runs");
  rmSync(join(runs, `${ID}~${runId}.process`));
  rmSync(join(runs, `${ID}~${runId}.cancelled`));
  rmSync(join(dataDir, "process-runtime", "exits", `${ID}~${runId}`));
  const next = newRuntime();
  expect(await next.inspect(ID)).toBeNull();
  expect(existsSync(join(runs, `${ID}~${runId}.cancelled`))).toBe(true);
  await next.close();
});

test("a kill never costs the exit code, however often it is repeated", async () => {
  for (let round = 0; round < 20; round++) {
    exits = [];
    await start("exec sleep 66");
    await Promise.all([runtime.kill(ID), runtime.kill(ID)]);
    expect((await runtime.inspect(ID))?.exit).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
  }
});

test("a pid that belongs to somebody else now is not taken for the game", async () => {
  const { runId } = await start("exec sleep 64");
  const file = join(dataDir, "process-runtime", "runs", `${ID}~${runId}.process`);
  const line = readFileSync(file, "utf8");
  const fields = line.split(" ");
  // As it would read had this very process started at another time.
  writeFileSync(file, [process.pid, ...fields.slice(1, 21), "1", ...fields.slice(22)].join(" "));
  await runtime.kill(ID);
  expect((await runtime.inspect(ID))?.isRunning).toBe(false);
});

test("figures of a busy server are counted over its processes", async () => {
  await start("sh -c 'while :; do :; done' & wait");
  const usage = await waitUntil("CPU time", async () => {
    const now = await runtime.usage(ID);
    return now && now.cpuUsageUs > 50_000 ? now : null;
  });
  expect(usage.processCount).toBeGreaterThanOrEqual(2);
  expect(usage.memoryBytes).toBeGreaterThan(100_000);
});

test("an install script runs in the data folder with its output in the console, and can be ended", async () => {
  const install = (installScript: string, abort = new AbortController().signal) =>
    runtime.install(
      { spec: serverSpec({ id: ID, installScript }), paths: paths(), environment: { SERVER_ID: ID } },
      abort,
    );
  expect(await install("echo installing; echo done > result; exit 3")).toMatchObject({ exitCode: 3 });
  expect(readFileSync(join(paths().data, "result"), "utf8")).toBe("done\n");
  await said("installing\n");
  const abort = new AbortController();
  const hanging = install("echo hanging; sleep 65", abort.signal);
  await said("hanging\n");
  abort.abort();
  await expect(hanging).rejects.toThrow("ended");
  expect(exits).toEqual([]);
});

test("a command that cannot be run ends with the shell's code", async () => {
  await start("exec /does/not/exist");
  expect((await ended()).exit.exitCode).toBe(127);
});

test("a start that does not wait for the kill before it, and what was meant for the run before, leave the new run alone", async () => {
  const first = await start("for i in 1 2 3 4 5 6 7 8 9; do setsid sleep 100 & done; echo up; wait");
  await said("up");
  const killed = runtime.kill(ID);
  const again = runtime.kill(ID);
  await ended();
  const second = await start("exec sleep 100");
  await Promise.all([killed, again]);
  await runtime.kill(ID, first.runId);
  await runtime.signal(ID, "SIGTERM", first.runId);
  expect(await runtime.inspect(ID)).toMatchObject({ isRunning: true, runId: second.runId });
  await runtime.kill(ID, second.runId);
  await waitUntil("the second exit", () => exits[1]);
  expect(exits[1]!.runId).toBe(second.runId);
});

test("a data folder that is gone is no reason to fall, and what comes back is looked at again", async () => {
  const otherDir = mkdtempSync(join(tmpdir(), "catalyst-process-"));
  const logFile = join(dataDir, "agent.log");
  const log = createLog("warn", logFile);
  const failedLooks = () => readFileSync(logFile, "utf8").split("could not be looked for").length - 1;
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const other = new ProcessRuntime({ dataDir: otherDir, bootIdentity: bootIdentity(), log });
  try {
    await watchExits(other);
    const folder = join(otherDir, "process-runtime");
    renameSync(folder, `${folder}-away`);
    vi.advanceTimersToNextTimer();
    await waitUntil("the look that fails", () => failedLooks() > 0);
    renameSync(`${folder}-away`, folder);
    const record = { serverId: ID, runId: "a", kind: "game", bootIdentity: bootIdentity(), startedAt: 1 };
    writeFileSync(join(folder, "runs", `${ID}.json`), JSON.stringify(record));
    writeFileSync(join(folder, "exits", `${ID}~a`), "5\n");
    vi.advanceTimersToNextTimer();
    expect(await ended()).toMatchObject({ runId: "a", exit: { exitCode: 5 } });
    rmSync(folder, { recursive: true });
    const before = failedLooks();
    vi.advanceTimersToNextTimer();
    await waitUntil("the look at a folder that was deleted", () => failedLooks() > before);
  } finally {
    vi.useRealTimers();
    await other.close();
    rmSync(otherDir, { recursive: true, force: true });
  }
});
