/**
 * Runs each server in a container of containerd, through nerdctl.
 *
 * What is running is containerd's truth, asked for by `inspect`; how a run ended is in this runtime's own record, so
 * that the container can go at once: an ended container would keep its ports and a process. Only containers that carry
 * this agent's labels are ever touched; within these, what was done behind the agent's back is undone: the paused go
 * on, the renamed are known by their labels, and of two that run for one server the one that nobody started goes.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../../../protocol/findings.ts";
import type { ServerSpec } from "../../../protocol/spec.ts";
import { announceToProcess } from "../../console/announce.ts";
import { installConsoleLogger } from "../../console/console-logger.ts";
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
import { Endings } from "../endings.ts";
import { type ContainerSetting, gameArguments } from "./arguments.ts";
import { type CgroupFolders, cgroupOfContainer, readOomKills, readUsage } from "./cgroup.ts";
import { type CallResult, NerdctlCli } from "./cli.ts";
import {
  type Container,
  containerIds,
  inspectContainer,
  listContainers,
  removeContainer,
  removeNetwork,
  unpauseContainer,
} from "./containers.ts";
import { isContainerMissing, isImageMissing, isNotRunning } from "./errors.ts";
import { EventStream, type TaskEvent } from "./events.ts";
import { exitStatus, UNKNOWN_EXIT_CODE } from "./exit-status.ts";
import { ImageSupply } from "./image-supply.ts";
import { Images, PULL_DEADLINE_MS } from "./images.ts";
import { runInstall } from "./install.ts";
import { liveChanges } from "./limits.ts";
import { readNodeLimits } from "./node-limits.ts";
import {
  containerName,
  GAME_OWNER_DEFAULT,
  INIT_BINARY_DEFAULT,
  installContainerName,
  NAMESPACE_DEFAULT,
  type NerdctlOptions,
} from "./options.ts";
import { Ownership } from "./ownership.ts";
import { nerdctlPreflight } from "./preflight.ts";
import { loginFile } from "./registries.ts";
import { runContainer } from "./run-container.ts";
import { type RunRecord, RunRecords } from "./run-records.ts";

/** What the machine grants a process. */
function openFilesMax(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}

const SIGNAL_NAME = /^SIG[A-Z0-9]{2,10}$/;

/** A container of this node that was seen running. */
interface LiveRun {
  record: RunRecord;
  pid: number;
  sawOom: boolean;
}

export class NerdctlRuntime implements ContainerRuntime {
  readonly name = "nerdctl";
  readonly #options: NerdctlOptions;
  readonly #cli: NerdctlCli;
  readonly #images: ImageSupply;
  readonly #owner: Ownership;
  readonly #records: RunRecords;
  readonly #networks: Networks;
  /** By container id. */
  readonly #live = new Map<string, LiveRun>();
  readonly #events: EventStream;
  readonly #installing = new Set<string>();
  /** By server: the run that is being started. */
  readonly #starting = new Map<string, string>();
  readonly #endings = new Endings();
  #setting: Promise<Omit<ContainerSetting, "limits">> | null = null;
  #onExit: ExitListener | null = null;
  /** By server: the last run whose end was told in this life of the agent, */
  readonly #reported = new Map<string, string>();
  /** and the last whose end is noted, or is being noted. */
  readonly #settling = new Map<string, string>();

  constructor(options: NerdctlOptions) {
    this.#options = options;
    this.#cli = new NerdctlCli(options);
    const { dataDir, panel, nodeId, log } = options;
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
      namespace: options.namespace ?? NAMESPACE_DEFAULT,
      netconfPath: options.cniNetconfPath,
      privateRange: options.privateRange,
      hostPorts: options.hostPorts,
      log: options.log,
      containerIds: () => containerIds(this.#cli),
      removeNetwork: (name) => removeNetwork(this.#cli, name),
    });
    this.#records = new RunRecords(join(options.dataDir, "nerdctl-runtime", "runs"));
    this.#events = new EventStream(this.#cli, options.log, {
      onEvent: (event) =>
        void this.#onEvent(event).catch((error) => options.log.error({ err: error }, "event was lost")),
      onListening: () => this.#lookAtAll(),
    });
  }

  preflight(): Promise<Finding[]> {
    return nerdctlPreflight(this.#cli, this.#options);
  }

  async watch(onExit: ExitListener): Promise<void> {
    this.#onExit = onExit;
    this.#events.start();
    this.#networks.watch();
    for (const container of await listContainers(this.#cli, this.#owner)) {
      // An install that lost its agent is begun anew by the next one.
      if (container.kind === "install" && !this.#installing.has(container.serverId)) {
        await removeContainer(this.#cli, container.id);
      }
    }
    await this.#lookAtAll();
    // Ends that an agent noted and may have died before it could act on.
    for (const record of await this.#records.all()) {
      if (record.exit) this.#tell(record, record.exit);
    }
  }

  async start(launch: LaunchSpec): Promise<RuntimeStatus> {
    const { id } = launch.spec;
    const runId = randomUUID();
    this.#starting.set(id, runId);
    try {
      // The container before is on its way out, and has the name and the ports until it is gone.
      await this.#endings.done(id);
      const present = await this.#inspect(id);
      if (present?.isRunning) return await this.#statusOf(present);
      if (present) await this.#clear(present);
      return await this.#begin(launch, runId);
    } finally {
      if (this.#starting.get(id) === runId) this.#starting.delete(id);
    }
  }

  async #begin(launch: LaunchSpec, runId: string): Promise<RuntimeStatus> {
    const { spec, paths } = launch;
    const setting = await this.#containerSetting();
    await makeServerFolders(paths, setting.gameOwner);
    await makeFifo(paths.stdin, setting.gameOwner);
    await this.#images.refresh(spec.image, spec.imageRefreshAt, { serverId: spec.id, paths });
    const network = await this.#networks.join(spec, "game");
    const containerId = await this.#run(launch, runId, setting, network).finally(network.release);
    const record: RunRecord = {
      serverId: spec.id,
      runId,
      containerId,
      startedAt: Date.now(),
      cgroup: null,
      exit: null,
    };
    // From here on its end is noticed, however soon it comes.
    this.#live.set(containerId, { record, pid: 0, sawOom: false });
    await this.#records.write(record);
    const started = await inspectContainer(this.#cli, this.#owner, containerId);
    if (!started) throw new RuntimeError("The container was removed while it was starting.");
    return this.#take(started, record);
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
      network = await this.#networks.join(spec, "install");
      return await runInstall(install, abort, {
        cli: this.#cli,
        owner: this.#owner,
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
    const container = await this.#inspect(serverId);
    if (container) return this.#statusOf(container);
    const record = await this.#records.read(serverId);
    return record && this.#stoppedStatus(record);
  }

  async list(): Promise<RuntimeStatus[]> {
    const containers = await listContainers(this.#cli, this.#owner);
    const games = containers.filter(({ kind }) => kind === "game");
    const present = new Set(games.map(({ serverId }) => serverId));
    const gone = (await this.#records.all()).filter(({ serverId }) => !present.has(serverId));
    const statuses = await Promise.all(games.map((container) => this.#statusOf(container)));
    return [...statuses, ...gone.map((record) => this.#stoppedStatus(record))];
  }

  async updateLimits(spec: ServerSpec): Promise<KeptLimit[]> {
    const container = await this.#inspect(spec.id);
    if (!container?.isRunning) return [];
    const cgroup = await cgroupOfContainer(container.pid, container.id);
    const usage = cgroup && (await readUsage(cgroup, container.pid));
    const use = usage?.memoryLimitBytes ? { limitBytes: usage.memoryLimitBytes, usedBytes: usage.memoryBytes } : null;
    const { groups, kept } = liveChanges(spec, readNodeLimits(), use);
    const update = async (...limits: string[]) =>
      (await this.#cli.call(["update", ...limits, container.id])).code === 0;
    if (await update(...groups.flatMap((group) => group.arguments))) return kept;
    // One that the kernel refuses must not keep the others from being changed.
    for (const group of groups) {
      if (await update(...group.arguments)) continue;
      kept.push(
        ...group.fields.map((field) => ({ field, reason: "The node's kernel refused it while the server runs." })),
      );
    }
    return kept;
  }

  async usage(serverId: string): Promise<RuntimeUsage | null> {
    const run = this.#liveRunOf(serverId) ?? (await this.#adopt(serverId));
    return run?.record.cgroup ? readUsage(run.record.cgroup, run.pid) : null;
  }

  async announce(serverId: string, line: string): Promise<boolean> {
    const run = this.#liveRunOf(serverId) ?? (await this.#adopt(serverId));
    return run !== undefined && run.pid > 0 && announceToProcess(run.pid, line);
  }

  async remove(serverId: string): Promise<void> {
    const run = this.#liveRunOf(serverId);
    if (run) this.#live.delete(run.record.containerId);
    await this.#endings.done(serverId);
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
    this.#onExit = null;
    this.#events.close();
    this.#networks.close();
  }

  async #containerSetting(): Promise<ContainerSetting> {
    const { nodeId, panel, dataDir, gameOwner, initBinary } = this.#options;
    const folder = join(dataDir, "nerdctl-runtime");
    // CPUs may come and go; the rest stays what it is.
    this.#setting ??= installConsoleLogger(join(folder, "bin")).then((logger) => ({
      nodeId,
      panel,
      environmentFolder: join(folder, "environment"),
      gameOwner: gameOwner ?? GAME_OWNER_DEFAULT,
      initBinary: initBinary ?? INIT_BINARY_DEFAULT,
      logger,
      openFilesMax: openFilesMax(),
    }));
    return { ...(await this.#setting), limits: readNodeLimits() };
  }

  /** One that was seen is asked for by its id: somebody may have renamed it. */
  #inspect(serverId: string): Promise<Container | null> {
    const id = this.#liveRunOf(serverId)?.record.containerId;
    return inspectContainer(this.#cli, this.#owner, id ?? containerName(serverId));
  }

  #liveRunOf(serverId: string): LiveRun | undefined {
    return [...this.#live.values()].find(({ record }) => record.serverId === serverId);
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
    // A run that failed may leave a container that never lived, and would hold the name and the ports.
    const rest = await this.#inspect(launch.spec.id);
    if (rest?.runId === runId) await removeContainer(this.#cli, rest.id);
    throw this.#cli.failure("start", result);
  }

  async #signal(serverId: string, signal: string, runId?: string): Promise<void> {
    // Settled before the first wait: by its end another run may have the name.
    const meant = runId ?? this.#starting.get(serverId) ?? this.#liveRunOf(serverId)?.record.runId;
    const container = await this.#inspect(serverId);
    if (!container?.isRunning || (meant !== undefined && container.runId !== meant)) return;
    // A frozen process acts on no signal.
    if (container.isPaused) await unpauseContainer(this.#cli, container.id);
    const result: CallResult = await this.#cli.call(["kill", "--signal", signal, container.id]);
    const isOver = isNotRunning(result.stderr) || isContainerMissing(result.stderr);
    if (result.code !== 0 && !isOver) throw this.#cli.failure("other", result);
  }

  /** Enters a container that was seen into what is known; one that has ended is told of. */
  async #take(container: Container, known: RunRecord | null): Promise<RuntimeStatus> {
    const { serverId, runId, id } = container;
    let record = known?.runId === runId ? known : null;
    record ??= { serverId, runId, containerId: id, startedAt: container.startedAt, cgroup: null, exit: null };
    if (!container.isRunning) {
      await this.#settleStopped(container, record);
      return this.#statusOf(container);
    }
    // It ended after it was looked at.
    if (this.#settling.get(serverId) === runId) return this.#stoppedStatus(record);
    const run = this.#live.get(id) ?? { record, pid: 0, sawOom: false };
    this.#live.set(id, run);
    const cgroup = record.cgroup ?? (await cgroupOfContainer(container.pid, id));
    const isNew = run.pid === 0;
    run.pid = container.pid;
    run.record = { ...record, cgroup, startedAt: container.startedAt ?? record.startedAt };
    if (container.isPaused) await this.#unpause(run.record);
    // Its end may have been settled meanwhile, and must not be overwritten.
    if (isNew && this.#live.get(id) === run) await this.#records.write(run.record);
    return this.#runningStatus(run.record);
  }

  async #adopt(serverId: string): Promise<LiveRun | undefined> {
    const container = await this.#inspect(serverId);
    if (container?.isRunning) await this.#take(container, await this.#records.read(serverId));
    return this.#liveRunOf(serverId);
  }

  async #lookAtAll(): Promise<void> {
    // Those that begin while the list is made may be missing from it.
    const before = [...this.#live.values()];
    const containers = await listContainers(this.#cli, this.#owner);
    const games = await this.#withoutDoubles(containers.filter(({ kind }) => kind === "game"));
    for (const container of games) {
      if (container.isRunning) await this.#take(container, await this.#records.read(container.serverId));
      else await this.#lookAgain(container);
    }
    const present = new Set(games.map(({ id }) => id));
    for (const { record, sawOom } of before) {
      // Somebody removed the container behind our back.
      if (!this.#live.has(record.containerId) || present.has(record.containerId)) continue;
      // A running game is never given up because of one bad list.
      if (!(await inspectContainer(this.#cli, this.#owner, record.containerId)))
        await this.#settle(record, UNKNOWN_EXIT_CODE, Date.now(), sawOom);
    }
  }

  /** What is just being made looks like something that has ended. */
  async #lookAgain({ id, serverId }: Container): Promise<void> {
    if (this.#starting.has(serverId)) return;
    const container = await inspectContainer(this.#cli, this.#owner, id);
    if (!container || this.#starting.has(serverId)) return;
    await this.#take(container, await this.#records.read(serverId));
  }

  /** Two games in one data folder ruin it: the run that was written down stays. */
  async #withoutDoubles(games: Container[]): Promise<Container[]> {
    const running = games.filter(({ isRunning }) => isRunning);
    const doubled = running.filter(({ serverId }) => running.filter((other) => other.serverId === serverId).length > 1);
    const extra = new Set<Container>();
    for (const container of doubled) {
      const { id, serverId, runId } = container;
      const record = await this.#records.read(serverId);
      if (!record || record.runId === runId || this.#starting.has(serverId)) continue;
      this.#options.log.warn({ serverId, containerId: id }, "a second container of a server is removed");
      await removeContainer(this.#cli, id);
      extra.add(container);
    }
    return games.filter((container) => !extra.has(container));
  }

  async #unpause({ serverId, containerId }: RunRecord): Promise<void> {
    this.#options.log.warn({ serverId }, "a server was paused from outside; it goes on");
    await unpauseContainer(this.#cli, containerId);
  }

  async #onEvent(event: TaskEvent): Promise<void> {
    const run = this.#live.get(event.containerId);
    if (!run) return;
    if (event.kind === "oom") {
      run.sawOom = true;
      return;
    }
    if (event.kind === "paused") return this.#unpause(run.record);
    await this.#settle(run.record, event.exitCode, event.exitedAt, run.sawOom);
  }

  /** Makes room for a new run: the end of the one before is noted, if nobody did, and its container goes. */
  async #clear(container: Container): Promise<void> {
    await this.#take(container, await this.#records.read(container.serverId));
    await removeContainer(this.#cli, container.id);
  }

  /** A container found not running. */
  async #settleStopped(container: Container, record: RunRecord): Promise<void> {
    const run = this.#live.get(container.id);
    if (container.exitCode !== null) {
      await this.#settle(record, container.exitCode, container.finishedAt ?? Date.now(), run?.sawOom ?? false);
    } else if (run) {
      await this.#settle(record, UNKNOWN_EXIT_CODE, Date.now(), run.sawOom);
    } else {
      // The machine or containerd was restarted meanwhile: how it ended cannot be known, and nobody waits for it.
      await this.#removeEnded(record.serverId, container.id);
    }
  }

  #settle(record: RunRecord, exitCode: number, exitedAt: number, sawOomEvent: boolean): Promise<void> {
    this.#live.delete(record.containerId);
    return this.#endings.run(record.serverId, () => this.#noteEnd(record, exitCode, exitedAt, sawOomEvent));
  }

  /** Notes how a run ended, tells of it once, and removes the container, which would keep its ports. */
  async #noteEnd(record: RunRecord, exitCode: number, exitedAt: number, sawOomEvent: boolean): Promise<void> {
    const { serverId, runId, containerId } = record;
    if (this.#settling.get(serverId) !== runId) {
      this.#settling.set(serverId, runId);
      const oomKills = await this.#oomKills(record.cgroup);
      const exit = record.exit ?? exitStatus(exitCode, exitedAt, sawOomEvent || oomKills > 0);
      await this.#records
        .write({ ...record, exit })
        .catch((error) => this.#options.log.error({ err: error, serverId }, "the end of a run could not be noted"));
      this.#tell(record, exit);
    }
    await this.#removeEnded(serverId, containerId);
  }

  async #removeEnded(serverId: string, containerId: string): Promise<void> {
    await removeContainer(this.#cli, containerId).catch((error) =>
      this.#options.log.warn({ err: error, serverId }, "an ended container could not be removed yet"),
    );
  }

  #tell({ serverId, runId }: RunRecord, exit: ExitStatus): void {
    if (!this.#onExit || this.#reported.get(serverId) === runId) return;
    this.#reported.set(serverId, runId);
    this.#onExit(serverId, runId, exit);
  }

  async #oomKills(cgroup: CgroupFolders | null): Promise<number> {
    return (cgroup && (await readOomKills(cgroup))) ?? 0;
  }

  #runningStatus({ serverId, runId, startedAt }: RunRecord): RuntimeStatus {
    return { serverId, isRunning: true, runId, startedAt, exit: null };
  }

  #stoppedStatus({ serverId, runId, startedAt, exit }: RunRecord): RuntimeStatus {
    return { serverId, isRunning: false, runId, startedAt, exit };
  }

  async #statusOf(container: Container): Promise<RuntimeStatus> {
    const { serverId, runId, startedAt, isRunning, exitCode, finishedAt } = container;
    if (isRunning) return { serverId, isRunning, runId, startedAt, exit: null };
    const record = await this.#records.read(serverId);
    const known = record?.runId === runId ? record.exit : null;
    const exit = known ?? (exitCode === null ? null : exitStatus(exitCode, finishedAt ?? Date.now(), false));
    return { serverId, isRunning, runId, startedAt, exit };
  }
}
