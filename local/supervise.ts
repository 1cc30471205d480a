/** Keeps one child process running, as an init system would. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { endProcess, identify } from "./process-identity.ts";

export interface SuperviseOptions {
  name: string;
  /** Starts the process; resolves when it is up. A rejection counts as a death. */
  start(): Promise<ChildProcess>;
  stopSignal: NodeJS.Signals;
  /** Time the process gets to end by itself before SIGKILL. */
  stopDeadlineMs?: number;
  log(line: string): void;
}

export interface Supervised {
  /** Of the process at this moment; 0 while none runs. */
  pid(): number;
  /** Ends the process and starts no other. Safe to call twice. */
  stop(): Promise<void>;
}

/** A process that lived this long is started again at once; one that dies young waits longer each time. */
const HEALTHY_MS = 10_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

/** @throws what the first start throws: only a process that once ran is kept running. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  let isStopping = false;
  let child: ChildProcess | null = await options.start();
  const abort = new AbortController();

  const keepRunning = async () => {
    let retryMs = RETRY_MIN_MS;
    let startedAt = performance.now();
    while (!isStopping) {
      if (child) {
        const how = await untilExit(child);
        child = null;
        if (isStopping) return;
        if (performance.now() - startedAt > HEALTHY_MS) retryMs = RETRY_MIN_MS;
        options.log(`${options.name} ended with ${how}; starting it again`);
      }
      await delay(retryMs, undefined, { signal: abort.signal }).catch(() => {});
      if (isStopping) return;
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
      startedAt = performance.now();
      child = await options.start().catch((error: Error) => {
        options.log(`${options.name} does not start: ${error.message}`);
        return null;
      });
    }
  };
  const finished = keepRunning();

  return {
    pid: () => child?.pid ?? 0,
    async stop() {
      isStopping = true;
      abort.abort();
      const identity = child?.pid ? identify(child.pid) : null;
      if (identity) await endProcess(identity, options.stopSignal, options.stopDeadlineMs);
      await finished;
      // A start that was under way when the stop came.
      const late = child?.pid ? identify(child.pid) : null;
      if (late) await endProcess(late, options.stopSignal, options.stopDeadlineMs);
    },
  };
}

function untilExit(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve(String(child.exitCode ?? child.signalCode));
  }
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve(String(code ?? signal))));
}
