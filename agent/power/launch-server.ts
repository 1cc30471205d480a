/** Starts a server by its spec. Failing is an answer in words for the owner, not an exception. */
import { stat } from "node:fs/promises";
import type { ServerSpec } from "../../protocol/spec.ts";
import { applyConfigFiles } from "../config-files/apply-config-files.ts";
import type { FileOwner } from "../console/server-paths.ts";
import type { Disks } from "../disk/server-disks.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime, RuntimeStatus, ServerPaths } from "../runtime/container-runtime.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { GAME_OWNER_DEFAULT } from "../runtime/nerdctl/options.ts";
import { launchEnvironment, shellCommand, UnknownVariableError } from "./launch-environment.ts";

export interface LaunchServices {
  runtime: ContainerRuntime;
  disks: Pick<Disks, "prepare">;
  log: Log;
  timeZone: string;
}

export type LaunchOutcome = { ok: true; status: RuntimeStatus } | { ok: false; reason: string; isNodeFault: boolean };

/** In a container the data folder is always here. */
const CONTAINER_HOME = "/data";

export const homeOf = (runtime: ContainerRuntime, paths: ServerPaths): string =>
  runtime.name === "process" ? paths.data : CONTAINER_HOME;

/** Who shall own what the agent writes for the game. */
async function gameOwner(runtime: ContainerRuntime, paths: ServerPaths): Promise<FileOwner> {
  if (runtime.name === "nerdctl") return GAME_OWNER_DEFAULT;
  const { uid, gid } = await stat(paths.data);
  return { uid, gid };
}

const DISK_FULL = "This server's disk is full: delete files or raise its limit, then start it.";

/** The message of an error that was made for the owner, or a general one; the rest is for the log. */
export function ownerReason(error: unknown, general: string): string {
  if ((error as NodeJS.ErrnoException).code === "ENOSPC") return DISK_FULL;
  return error instanceof RuntimeError || error instanceof UnknownVariableError ? error.message : general;
}

export async function launchServer(
  spec: ServerSpec,
  paths: ServerPaths,
  { runtime, disks, log, timeZone }: LaunchServices,
  abort: AbortSignal,
): Promise<LaunchOutcome> {
  try {
    const environment = launchEnvironment(spec, homeOf(runtime, paths), timeZone);
    const command = shellCommand(spec.startup, environment);
    await disks.prepare(spec, paths, "start");
    const defects = await applyConfigFiles(spec, paths.data, await gameOwner(runtime, paths), environment);
    for (const { path, reason, error } of defects) {
      log.warn({ serverId: spec.id, path, err: error }, "a configuration file was left as it is");
      await runtime.say(paths, `${path} was left as it is: ${reason}.`);
    }
    return { ok: true, status: await runtime.start({ spec, paths, command, environment, abort }) };
  } catch (error) {
    log.warn({ serverId: spec.id, err: error }, "a server could not be started");
    const reason = ownerReason(error, "The server could not be started; the node's log says why.");
    return { ok: false, reason, isNodeFault: error instanceof RuntimeError && error.isNodeFault };
  }
}
