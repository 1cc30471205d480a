/** Runs a server's install script to its end, within its deadline. */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime, ServerPaths } from "../runtime/container-runtime.ts";
import { launchEnvironment } from "./launch-environment.ts";
import { homeOf, ownerReason } from "./launch-server.ts";

export interface InstallServices {
  runtime: ContainerRuntime;
  log: Log;
  timeZone: string;
}

/**
 * @param abort ends the script when aborted from outside; the deadline aborts it too.
 * @returns null when the server is installed, else why not, in words for the owner.
 */
export async function installServer(
  spec: ServerSpec,
  paths: ServerPaths,
  { runtime, log, timeZone }: InstallServices,
  abort: AbortController,
): Promise<string | null> {
  let isOverdue = false;
  const deadline = setTimeout(() => {
    isOverdue = true;
    abort.abort();
  }, spec.installTimeoutSeconds * 1000);
  try {
    const environment = launchEnvironment(spec, homeOf(runtime, paths), timeZone);
    const exit = await runtime.install({ spec, paths, environment }, abort.signal);
    if (exit.exitCode === 0) return null;
    if (exit.oomKilled) return "The install script used more memory than the server's limit.";
    return `The install script failed with exit code ${exit.exitCode}; its output is in the console.`;
  } catch (error) {
    if (isOverdue) return `The install script did not end within ${spec.installTimeoutSeconds} seconds.`;
    if (abort.signal.aborted) return "The installation was cancelled.";
    log.warn({ serverId: spec.id, err: error }, "an install script could not be run");
    return ownerReason(error, "The install script could not be run; the node's log says why.");
  } finally {
    clearTimeout(deadline);
  }
}
