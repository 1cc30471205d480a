/** `nerdctl run` with its environment in a file that is there only meanwhile. */
import { mkdir, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunArguments } from "./arguments.ts";
import { CALL_DEADLINE_MS, type CallResult, type NerdctlCli } from "./cli.ts";

/** The environment may hold passwords. */
const FILE_MODE = 0o600;

export const environmentFolder = (dataDir: string): string => join(dataDir, "nerdctl-runtime", "environment");

const LOOK_INTERVAL_MS = 50;

/**
 * Waits for what an agent that was killed has left of `nerdctl run`: its containers would come to be behind the back of
 * the next one, which has looked for them by then. What takes longer than that agent would have waited is ended.
 */
export async function endLostRuns(dataDir: string, deadlineMs = CALL_DEADLINE_MS): Promise<void> {
  const folder = environmentFolder(dataDir);
  const deadline = performance.now() + deadlineMs;
  let lost = await runsWithFilesIn(folder);
  while (lost.length > 0 && performance.now() < deadline) {
    await delay(LOOK_INTERVAL_MS);
    lost = await runsWithFilesIn(folder);
  }
  for (const pid of lost) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }
  await rm(folder, { recursive: true, force: true });
}

const pidNamespace = (pid: number | "self") => readlink(`/proc/${pid}/ns/pid`).catch(() => null);

/** Processes of the node itself that were given a file of this folder. A game may call itself what it likes. */
async function runsWithFilesIn(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 1);
  const isRun = async (pid: number) => {
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    const isGiven = words.some((word, index) => words[index - 1] === "--env-file" && dirname(word) === folder);
    return isGiven && (await pidNamespace(pid)) === (await pidNamespace("self"));
  };
  const found = await Promise.all(pids.map(isRun));
  return pids.filter((_pid, index) => found[index]);
}

export async function runContainer(cli: NerdctlCli, run: RunArguments): Promise<CallResult> {
  const { path, content } = run.environmentFile;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, content, { mode: FILE_MODE });
  try {
    return await cli.call(run.arguments);
  } finally {
    await rm(path, { force: true });
  }
}
