/** Runs a server's install script to its end, within its deadline. */
import type { ServerSpec } from "../../protocol/spec.ts";
import { wipeDataFolder } from "../data-folder/wipe.ts";
import { owesWipe, settleWipe } from "../data-folder/wipe-record.ts";
import type { Disks } from "../disk/server-disks.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime, ServerPaths } from "../runtime/container-runtime.ts";
import { launchEnvironment } from "./launch-environment.ts";
import { homeOf, ownerReason } from "./launch-server.ts";

export interface InstallServices {
  runtime: ContainerRuntime;
  disks: Pick<Disks, "prepare">;
  log: Log;
  timeZone: string;
}

/** Why an install is aborted, given as the abort's reason; anything else leaves the install to be done later. */
export const INSTALL_CANCELLED = "cancelled";
export const INSTALL_OVERDUE = "overdue";

export const overdueWords = (seconds: number) => `The installation did not end within ${seconds} seconds.`;
export const CANCELLED_WORDS = "The installation was cancelled.";
const NOTHING_DELETED_WORDS = "The installation was cancelled before any file was deleted; the files are kept.";

/**
 * @param abort ends the script; its deadline is the caller's, who aborts with `INSTALL_OVERDUE`.
 * @returns null when the server is installed, else why not, in words for the owner.
 */
export async function installServer(
  spec: ServerSpec,
  paths: ServerPaths,
  services: InstallServices,
  abort: AbortSignal,
): Promise<string | null> {
  const reason = await attempt(spec, paths, services, abort);
  if (reason !== null) await services.runtime.say(paths, reason);
  return reason;
}

export const hasScript = (spec: ServerSpec): boolean => spec.installScript.trim() !== "";

async function attempt(
  spec: ServerSpec,
  paths: ServerPaths,
  { runtime, disks, log, timeZone }: InstallServices,
  signal: AbortSignal,
): Promise<string | null> {
  let hasBegunWipe = false;
  /** Once for its generation: the script's own files are never taken for those that were to go. */
  const prepare = async () => {
    if (!(await owesWipe(paths, spec.wipeGeneration))) return;
    signal.throwIfAborted();
    hasBegunWipe = true;
    await wipeDataFolder(paths.data, signal);
    await settleWipe(paths, spec.wipeGeneration);
    await runtime.say(paths, "All files of this server were deleted, as asked for with the reinstall.");
  };
  try {
    await disks.prepare(spec, paths, "install");
    // Without a script there may be files to delete all the same.
    if (!hasScript(spec)) {
      await prepare();
      return null;
    }
    const environment = launchEnvironment(spec, homeOf(runtime, paths), timeZone);
    const exit = await runtime.install({ spec, paths, environment, prepare }, signal);
    if (exit.exitCode === 0) return null;
    if (exit.oomKilled) return "The install script used more memory than the server's limit.";
    return `The install script failed with exit code ${exit.exitCode}; its output is in the console.`;
  } catch (error) {
    if (signal.reason === INSTALL_OVERDUE) return overdueWords(spec.installTimeoutSeconds);
    if (signal.reason === INSTALL_CANCELLED) {
      if (hasBegunWipe || !(await owesWipe(paths, spec.wipeGeneration))) return CANCELLED_WORDS;
      // A start that installs after all must not delete what its owner has just saved.
      await settleWipe(paths, spec.wipeGeneration);
      return NOTHING_DELETED_WORDS;
    }
    log.warn({ serverId: spec.id, err: error }, "an install script could not be run");
    return ownerReason(error, "The install script could not be run; the node's log says why.");
  }
}
