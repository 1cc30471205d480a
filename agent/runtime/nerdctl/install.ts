/** Runs an install script in a container of its own, from beginning to end. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ServerSpec } from "../../../protocol/spec.ts";
import { makeServerFolders } from "../../console/server-paths.ts";
import { handOverDataFolder } from "../../data-folder/hand-over.ts";
import type { Log } from "../../log.ts";
import type { JoinedNetwork } from "../../network/networks.ts";
import { writeFileAtomic } from "../../records/atomic-file.ts";
import type { ExitStatus, InstallSpec, ServerPaths } from "../container-runtime.ts";
import { RuntimeError } from "../container-runtime.ts";
import type { ContainerSetting } from "./arguments.ts";
import { cgroupOfContainer } from "./cgroup.ts";
import type { NerdctlCli } from "./cli.ts";
import { inspectContainer, removeContainer } from "./containers.ts";
import { exitStatus } from "./exit-status.ts";
import { installArguments, scriptText } from "./install-arguments.ts";
import { watchLayer } from "./install-layer.ts";
import { countOomKills } from "./oom.ts";
import { installContainerName } from "./options.ts";
import type { Ownership } from "./ownership.ts";
import { runContainer } from "./run-container.ts";

/** The longest that any template may ask for, and some: the caller's own deadline comes by `abort`. */
const WAIT_DEADLINE_MS = 5 * 60 * 60_000;
const SCRIPT_MODE = 0o644;
/** What a script may write outside of the data folder: as much as in it, but enough for a few packages. */
const LAYER_MIN_MB = 2048;

export interface InstallContext {
  cli: NerdctlCli;
  owner: Ownership;
  namespace: string;
  setting: ContainerSetting;
  log: Log;
  network: JoinedNetwork;
  /** Makes sure that the image is on the node. */
  provideImage: (image: string) => Promise<void>;
}

const ABORTED = "The installation was ended before it was done.";

/**
 * @throws RuntimeError when the container could not be run, or when `abort` ended it.
 * @returns how the script ended; its container is gone by then, and all files are the server's user's.
 */
export async function runInstall(
  install: InstallSpec,
  abort: AbortSignal,
  context: InstallContext,
): Promise<ExitStatus> {
  const { spec, paths } = install;
  const { cli, owner, setting } = context;
  const name = installContainerName(spec.id);
  const scriptFile = join(paths.records, "install.sh");

  const runId = randomUUID();
  // A container that an agent left behind in the middle is worth nothing.
  const left = await inspectContainer(cli, owner, name);
  if (left) await removeContainer(cli, left.id);
  await makeServerFolders(paths, setting.gameOwner);
  await writeFileAtomic(scriptFile, scriptText(spec.installScript), SCRIPT_MODE);
  try {
    await context.provideImage(spec.installImage || spec.image);
    refuseIfAborted(abort);
    await install.prepare?.();
    return await runScript(install, { runId, scriptFile, abort }, context);
  } finally {
    // One that could not be run may have the name all the same; one of a later install is not this one's to remove.
    const own = await inspectContainer(cli, owner, name);
    if (own?.runId === runId) await removeContainer(cli, own.id);
    await rm(scriptFile, { force: true });
    // Also after a failure: whoever mends it by hand must be able to.
    await handOver(spec, paths, context);
  }
}

function refuseIfAborted(abort: AbortSignal): void {
  if (abort.aborted) throw new RuntimeError(ABORTED);
}

async function runScript(
  { spec, paths, environment }: InstallSpec,
  { runId, scriptFile, abort }: { runId: string; scriptFile: string; abort: AbortSignal },
  { cli, owner, namespace, setting, network }: InstallContext,
): Promise<ExitStatus> {
  refuseIfAborted(abort);
  const run = installArguments({ spec, paths, environment, runId, network }, scriptFile, setting);
  const result = await runContainer(cli, run);
  if (result.code !== 0) throw cli.failure("install", result);
  const containerId = result.stdout.trim();
  const started = await inspectContainer(cli, owner, containerId);
  const cgroup = started?.isRunning ? await cgroupOfContainer(started.pid, started.id) : null;
  refuseIfAborted(abort);
  const layerMaxMb = Math.max(LAYER_MIN_MB, spec.diskMb);
  const isTooBig = new AbortController();
  const endWatch = started?.isRunning
    ? watchLayer(started.pid, layerMaxMb * 2 ** 20, () => isTooBig.abort())
    : () => undefined;
  try {
    const either = AbortSignal.any([abort, isTooBig.signal]);
    await cli.call(["wait", containerId], { deadlineMs: WAIT_DEADLINE_MS, abort: either });
  } finally {
    endWatch();
  }
  refuseIfAborted(abort);
  if (isTooBig.signal.aborted) {
    throw new RuntimeError(`The install script wrote more than ${layerMaxMb} MiB outside of the server's folder.`);
  }
  const ended = await inspectContainer(cli, owner, containerId);
  if (!ended || ended.exitCode === null) throw new RuntimeError("The install container was lost.");
  const oomKills = await countOomKills(containerId, namespace, cgroup);
  return exitStatus(ended.exitCode, ended.finishedAt ?? Date.now(), Boolean(oomKills));
}

async function handOver(spec: ServerSpec, paths: ServerPaths, { setting, log }: InstallContext): Promise<void> {
  const startedAt = performance.now();
  const foreign = await handOverDataFolder(paths.data, setting.gameOwner);
  const tookMs = Math.round(performance.now() - startedAt);
  log.debug({ serverId: spec.id, tookMs }, "files handed over");
  if (foreign > 0) log.warn({ serverId: spec.id, foreign }, "files with hard links elsewhere keep their owner");
}
