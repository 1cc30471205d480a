/** Runs an install script in a container of its own, from beginning to end. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeServerFolders } from "../../console/server-paths.ts";
import { writeFileAtomic } from "../../records/atomic-file.ts";
import type { ExitStatus, InstallSpec } from "../container-runtime.ts";
import { RuntimeError } from "../container-runtime.ts";
import { type ContainerSetting, installArguments } from "./arguments.ts";
import { cgroupOfContainer, readOomKills } from "./cgroup.ts";
import type { NerdctlCli } from "./cli.ts";
import { inspectContainer, removeContainer } from "./containers.ts";
import { exitStatus } from "./exit-status.ts";
import { installContainerName } from "./options.ts";
import { runContainer } from "./run-container.ts";

/** The longest that any template may ask for, and some: the caller's own deadline comes by `abort`. */
const WAIT_DEADLINE_MS = 5 * 60 * 60_000;
const SCRIPT_MODE = 0o644;

export interface InstallContext {
  cli: NerdctlCli;
  setting: ContainerSetting;
  /** Makes sure that the image is on the node. */
  provideImage: (image: string) => Promise<void>;
}

/**
 * @throws RuntimeError when the container could not be run, or when `abort` ended it.
 * @returns how the script ended; its container is gone by then.
 */
export async function runInstall(
  install: InstallSpec,
  abort: AbortSignal,
  context: InstallContext,
): Promise<ExitStatus> {
  const { spec, paths, environment } = install;
  const { cli, setting } = context;
  const name = installContainerName(spec.id);
  const scriptFile = join(paths.records, "install.sh");
  const refuseIfAborted = () => {
    if (abort.aborted) throw new RuntimeError("The installation was ended before it was done.");
  };

  const runId = randomUUID();
  // A container that an agent left behind in the middle is worth nothing.
  const left = await inspectContainer(cli, setting.nodeId, name);
  if (left) await removeContainer(cli, left.id);
  await makeServerFolders(paths, setting.gameOwner);
  await writeFileAtomic(scriptFile, spec.installScript, SCRIPT_MODE);
  await context.provideImage(spec.installImage || spec.image);
  refuseIfAborted();
  try {
    const run = installArguments({ spec, paths, environment, runId }, scriptFile, setting);
    const result = await runContainer(cli, run);
    if (result.code !== 0) throw cli.failure("install", result);
    const containerId = result.stdout.trim();
    const started = await inspectContainer(cli, setting.nodeId, containerId);
    const cgroup = started?.isRunning ? await cgroupOfContainer(started.pid, started.id) : null;
    refuseIfAborted();
    await cli.call(["wait", containerId], { deadlineMs: WAIT_DEADLINE_MS, abort });
    refuseIfAborted();
    const ended = await inspectContainer(cli, setting.nodeId, containerId);
    if (!ended || ended.exitCode === null) throw new RuntimeError("The install container was lost.");
    const oomKills = cgroup && (await readOomKills(cgroup));
    return exitStatus(ended.exitCode, ended.finishedAt ?? Date.now(), Boolean(oomKills));
  } finally {
    // One that could not be run may have the name all the same; one of a later install is not this one's to remove.
    const own = await inspectContainer(cli, setting.nodeId, name);
    if (own?.runId === runId) await removeContainer(cli, own.id);
    await rm(scriptFile, { force: true });
  }
}
