/** What `npm start` does: see `options.ts` for what can be set, `catalyst.ts` for what happens. */
import { banner, readyLine } from "./banner.ts";
import type { Catalyst, Logs } from "./catalyst.ts";
import { logFile } from "./log-file.ts";
import { HELP, OptionError, readOptions, type StartOptions } from "./options.ts";

/** npm and the terminal may both pass on one Ctrl-C; a later one is meant. */
const SAME_SIGNAL_MS = 1_000;
/** Whatever does not stop in this time is left to the next start, which tidies up. */
const STOP_DEADLINE_MS = 90_000;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  const abort = new AbortController();
  const stopAsked = onSignal(() => {
    abort.abort();
    setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
  });
  const logs = openLogs(options);
  let catalyst: Catalyst;
  try {
    // Loaded only now: help and a mistaken option are answered at once.
    const { startCatalyst } = await import("./catalyst.ts");
    catalyst = await startCatalyst(options, logs, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return;
    throw error;
  }
  process.stdout.write(options.json ? readyLine(catalyst, options) : banner(catalyst, options));
  await stopAsked;
  if (!options.json) process.stdout.write("\nStopping.\n");
  await catalyst.stop();
}

/** Resolves at the first signal; a second one ends the process at once, and the next start tidies up. */
function onSignal(listener: () => void): Promise<void> {
  return new Promise((resolve) => {
    let firstAt = 0;
    const handle = () => {
      if (firstAt === 0) {
        firstAt = performance.now();
        listener();
        resolve();
      } else if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, handle);
  });
}

function openLogs(options: StartOptions): Logs {
  const toStderr = (line: string) => void process.stderr.write(`${line}\n`);
  return {
    progress: toStderr,
    part: (name) => {
      const toFile = logFile(`${options.dataDir}/logs/${name}.log`);
      if (!options.json) return toFile;
      return (line) => {
        toFile(line);
        toStderr(`${name}: ${line}`);
      };
    },
  };
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const isDiskFull = (error as NodeJS.ErrnoException).code === "ENOSPC";
  const sentence = isDiskFull
    ? "the disk of its data folder is full: make room and start it again."
    : error instanceof Error
      ? error.message
      : String(error);
  process.stderr.write(error instanceof OptionError ? `${sentence}\n` : `Catalyst does not start: ${sentence}\n`);
  process.exit(1);
}
