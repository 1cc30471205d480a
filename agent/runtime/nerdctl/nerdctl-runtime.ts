/**
 * Runs each server in a container of containerd, through nerdctl.
 *
 * What is running is containerd's truth, asked for by `inspect`; how a run ended is in this runtime's own record, so
 * that the container can go at once: an ended container would keep its ports and a process. Only containers that carry
 * this agent's labels are ever touched; within these, what was done behind the agent's back is undone: the paused go
 * on, the renamed are known by their labels, and of two that run for one server the one that nobody started goes.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Finding } from "../../../protocol/findings.ts";
import type { ServerSpec } from "../../../protocol/spec.ts";
import { announceToProcess } from "../../console/announce.ts";
import { sayInConsole } from "../../console/say.ts";
import { makeFifo, makeServerFolders } from "../../console/server-paths.ts";
import { type JoinedNetwork, Networks } from "../../network/networks.ts";
import type {
  ContainerRuntime,
  ExitListener,
  ExitStatus,
  InstallSpec,
  KeptLimit,
  LaunchSpec,
  RuntimeStatus,
  RuntimeUsage,
  ServerPaths,
} from "../container-runtime.ts";
import { RuntimeError } from "../container-runtime.ts";
import { type ContainerSetting, gameArguments } from "./arguments.ts";
import { readUsage } from "./cgroup.ts";
import { type CallResult, NerdctlCli } from "./cli.ts";
import { containerSetting } from "./container-setting.ts";
import {
  containerIds,
  inspectContainer,
  listContainers,
  removeContainer,
  removeNetwork,
  unpauseContainer,
} from "./containers.ts";
import { EndedRuns } from "./ended-runs.ts";
import { isContainerMissing, isImageMissing, isNotRunning } from "./errors.ts";
import { EventStream } from "./events.ts";
import { ImageSupply } from "./image-supply.ts";
import { Images, PULL_DEADLINE_MS } from "./images.ts";
import { runInstall } from "./install.ts";
import { LiveRuns } from "./live-runs.ts";
import { containerName, installContainerName, NAMESPACE_DEFAULT, type NerdctlOptions } from "./options.ts";
import { Ownership } from "./ownership.ts";
import { nerdctlPreflight } from "./preflight.ts";
import { loginFile } from "./registries.ts";
import { endLostRuns, runContainer } from "./run-container.ts";
import { type RunRecord, RunRecords } from "./run-records.ts";
import { containerStatus, stoppedStatus } from "./run-status.ts";
import { endStaleShims } from "./stale-shims.ts";
import { updateLimits } from "./update-limits.ts";

const SIGNAL_NAME = /^SIG[A-Z0-9]{2,10}$/;

export class NerdctlRuntime implements ContainerRuntime {
  readonly name = "nerdctl";
  readonly #options: NerdctlOptions;
  readonly #namespace: string;
  readonly #cli: NerdctlCli;
  readonly #images: ImageSupply;
  readonly #owner: Ownership;
  readonly #records: RunRecords;
  readonly #networks: Networks;
  readonly #ended: EndedRuns;
  readonly #live: LiveRuns;
  readonly #containerSetting: () => Promise<ContainerSetting>;
  readonly #events: EventStream;
  readonly #installing = new Set<string>();

  constructor(options: NerdctlOptions) {
    this.#options = options;
    this.#cli = new NerdctlCli(options);
    this.#containerSetting = containerSetting(options);
    const { dataDir, panel, nodeId, log, namespace = NAMESPACE_DEFAULT } = options;
    this.#namespace = namespace;
    this.#owner = new Ownership(dataDir, { panel, node: nodeId }, log);
    const images = new Images({
      cli: this.#cli,
      loginFile: loginFile(dataDir),
      folder: join(dataDir, "nerdctl-runtime", "pulls"),
      pullDeadlineMs: options.pullDeadlineMs ?? PULL_DEADLINE_MS,
    });
    this.#images = new ImageSupply(images, (paths, text) => this.say(paths, text));
    this.#networks = new Networks({
      nodeId: options.nodeId,
      dataDir: options.dataDir,
      namespace,
      netconfPath: options.cniNetconfPath,
      privateRange: options.privateRange,
      hostPorts: options.hostPorts,
      log: options.log,
      containerIds: () => containerIds(this.#cli),
      removeNetwork: (name) => removeNetwork(this.#cli, name),
    });
    this.#records = new RunRecords(join(options.dataDir, "nerdctl-runtime", "runs"));
    this.#ended = new EndedRuns({
      cli: this.#cli,
      records: this.#records,
      namespace,
      log,
      shutPorts: (serverId, runId) => this.#networks.shut(serverId, runId),
    });
    this.#live = new LiveRuns({
      cli: this.#cli,
      owner: this.#owner,
      records: this.#records,
      ended: this.#ended,
      log,
      isInstalling: (serverId) => this.#installing.has(serverId),
    });
    this.#events = new EventStream(this.#cli, options.log, {
      onEvent: (event) =>
        void this.#live.onEvent(event).catch((error) => options.log.error({ err: error }, "event was lost")),
      onListening: async () => {
        await this.#lookAtAll();
        await endStaleShims({ namespace, log });
      },
    });
  }

  preflight(): Promise<Finding[]> {
    return nerdctlPreflight(this.#cli, this.#options);
  }

  async watch(onExit: ExitListener): Promise<void> {
    await endLostRuns(this.#options.dataDir);
    this.#ended.listen(onExit);
    this.#events.start();
    this.#networks.watch();
    await this.#lookAtAll();
    await this.#ended.tellNoted();
  }

  async #lookAtAll(): Promise<void> {
    await this.#live.lookAtAll();
    await this.#networks.keepOpen((serverId, runId) => this.#live.presentRunId(serverId) === runId);
  }

  async start(launch: LaunchSpec): Promise<RuntimeStatus> {
    const { id } = launch.spec;
    const runId = randomUUID();
    const begin = this.#live.whileStarting(id, runId, async () => {
      // The container before is on its way out, and has the name and the ports until it is gone.
      await this.#ended.done(id);
      const present = await this.#live.inspect(id);
      if (present?.isRunning && !this.#live.isGivenUp(present)) return containerStatus(present, this.#records);
      if (present) await this.#live.clear(present);
      return this.#begin(launch, runId);
    });
    return begin.catch(async (error) => {
      await this.#networks.shut(id, runId);
      throw error;
    });
  }

  async #begin(launch: LaunchSpec, runId: string): Promise<RuntimeStatus> {
    const { spec, paths } = launch;
    const setting = await this.#containerSetting();
    await makeServerFolders(paths, setting.gameOwner);
    await makeFifo(paths.stdin, setting.gameOwner);
    await this.#images.refresh(spec.image, spec.imageRefreshAt, { serverId: spec.id, paths });
    const network = await this.#networks.joinGame(spec, runId);
    const containerId = await this.#run(launch, runId, setting, network).finally(network.release);
    const record: RunRecord = {
      serverId: spec.id,
      runId,
      containerId,
      startedAt: Date.now(),
      cgroup: null,
      exit: null,
    };
    this.#live.enter(record);
    await this.#records.write(record);
    const started = await inspectContainer(this.#cli, this.#owner, containerId);
    if (!started) throw new RuntimeError("The container was removed while it was starting.");
    return this.#live.take(started, record);
  }

  async signal(serverId: string, signal: string, runId?: string): Promise<void> {
    if (!SIGNAL_NAME.test(signal)) throw new RuntimeError(`${signal.slice(0, 20)} is not a signal.`);
    await this.#signal(serverId, signal, runId);
  }

  async kill(serverId: string, runId?: string): Promise<void> {
    await this.#signal(serverId, "SIGKILL", runId);
  }

  async install(install: InstallSpec, abort: AbortSignal): Promise<ExitStatus> {
    const { spec, paths } = install;
    this.#installing.add(spec.id);
    let network: JoinedNetwork | null = null;
    try {
      const setting = await this.#containerSetting();
      network = await this.#networks.joinInstall(spec);
      return await runInstall(install, abort, {
        cli: this.#cli,
        owner: this.#owner,
        namespace: this.#namespace,
        setting,
        network,
        log: this.#options.log,
        provideImage: (image) => this.#images.provide(image, { serverId: spec.id, paths, abort }),
      });
    } finally {
      network?.release();
      this.#installing.delete(spec.id);
    }
  }

  cancelPull(serverId: string): void {
    this.#images.cancel(serverId);
  }

  async say(paths: ServerPaths, text: string): Promise<void> {
    const { logger } = await this.#containerSetting();
    await sayInConsole(logger, paths, text, this.#options.log);
  }

  async inspect(serverId: string): Promise<RuntimeStatus | null> {
    const container = await this.#live.inspect(serverId);
    if (container) return containerStatus(container, this.#records);
    const record = await this.#records.read(serverId);
    return record && stoppedStatus(record);
  }

  async list(): Promise<RuntimeStatus[]> {
    const containers = await listContainers(this.#cli, this.#owner);
    const games = containers.filter(({ kind }) => kind === "game");
    const present = new Set(games.map(({ serverId }) => serverId));
    const gone = (await this.#records.all()).filter(({ serverId }) => !present.has(serverId));
    const statuses = await Promise.all(games.map((container) => containerStatus(container, this.#records)));
    return [...statuses, ...gone.map((record) => stoppedStatus(record))];
  }

  async updateLimits(spec: ServerSpec): Promise<KeptLimit[]> {
    const container = await this.#live.inspect(spec.id);
    return container?.isRunning ? updateLimits(this.#cli, container, spec) : [];
  }

  async usage(serverId: string): Promise<RuntimeUsage | null> {
    const run = await this.#live.find(serverId);
    return run?.record.cgroup ? readUsage(run.record.cgroup, run.pid) : null;
  }

  async announce(serverId: string, line: string): Promise<boolean> {
    const run = await this.#live.find(serverId);
    return run !== undefined && run.pid > 0 && announceToProcess(run.pid, line);
  }

  async remove(serverId: string): Promise<void> {
    this.#live.forget(serverId);
    await this.#ended.done(serverId);
    for (const name of [containerName(serverId), installContainerName(serverId)]) {
      const container = await inspectContainer(this.#cli, this.#owner, name);
      if (container) await removeContainer(this.#cli, container.id);
    }
    await this.#records.remove(serverId);
    await this.#networks.forget(serverId);
  }

  follow(specs: readonly ServerSpec[]): Promise<void> {
    return this.#networks.follow(specs);
  }

  async close(): Promise<void> {
    this.#ended.listen(null);
    this.#events.close();
    await this.#networks.close();
  }

  /** `nerdctl run`; an image that is not on the node is pulled first. */
  async #run(launch: LaunchSpec, runId: string, setting: ContainerSetting, network: JoinedNetwork): Promise<string> {
    const run = gameArguments({ ...launch, runId, network }, launch.command, setting);
    launch.abort?.throwIfAborted();
    let result = await runContainer(this.#cli, run);
    if (result.code !== 0 && isImageMissing(result.stderr)) {
      await this.#images.pull(launch.spec.image, { serverId: launch.spec.id, paths: launch.paths });
      result = await runContainer(this.#cli, run);
    }
    if (result.code === 0) return result.stdout.trim();
    throw this.#cli.failure("start", result);
  }

  async #signal(serverId: string, signal: string, runId?: string): Promise<void> {
    // Settled before the first wait: by its end another run may have the name.
    const meant = runId ?? this.#live.presentRunId(serverId);
    const container = await this.#live.inspect(serverId);
    if (!container?.isRunning || (meant !== undefined && container.runId !== meant)) return;
    // A frozen process acts on no signal.
    if (container.isPaused) await unpauseContainer(this.#cli, container.id);
    const result: CallResult = await this.#cli.call(["kill", "--signal", signal, container.id]);
    const isOver = isNotRunning(result.stderr) || isContainerMissing(result.stderr);
    if (result.code !== 0 && !isOver) throw this.#cli.failure("other", result);
  }
}
