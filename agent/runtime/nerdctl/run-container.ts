/** `nerdctl run` with its environment in a file that is there only meanwhile. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RunArguments } from "./arguments.ts";
import type { CallResult, NerdctlCli } from "./cli.ts";

/** The environment may hold passwords. */
const FILE_MODE = 0o600;

export const environmentFolder = (dataDir: string): string => join(dataDir, "nerdctl-runtime", "environment");

/** Deletes what an agent left that was killed while nerdctl ran. Nobody waits for that run any more. */
export const forgetEnvironments = (dataDir: string): Promise<void> =>
  rm(environmentFolder(dataDir), { recursive: true, force: true });

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
