/**
 * The games of this node that were seen running, and the looks at what containerd has of them. What was done behind the
 * agent's back is undone here: the paused go on, the renamed are known by their labels, and of two that run for one
 * server the one that nobody started goes. So do the containers of installs that nobody waits for any more.
 */
import type { Log } from "../../log.ts";
import type { RuntimeStatus } from "../container-runtime.ts";
import { cgroupOfContainer } from "./cgroup.ts";
import type { NerdctlCli } from "./cli.ts";
import { type Container, inspectContainer, listContainers, removeContainer, unpauseContainer } from "./containers.ts";
import type { EndedRuns } from "./ended-runs.ts";
import type { TaskEvent } from "./events.ts";
import { UNKNOWN_EXIT_CODE } from "./exit-status.ts";
import { containerName } from "./options.ts";
import type { Ownership } from "./ownership.ts";
import type { RunRecord, RunRecords } from "./run-records.ts";
import { containerStatus, runningStatus, stoppedStatus } from "./run-status.ts";

/** Starts of a node that fail are tried again for days. */
const GIVEN_UP_MAX = 1_000;

/** A container of this node that was seen running. */
interface LiveRun {
  record: RunRecord;
  /** 0 until it was looked at. */
  pid: number;
  sawOom: boolean;
}

interface LiveRunsOptions {
  cli: NerdctlCli;
  owner: Ownership;
  records: RunRecords;
  ended: EndedRuns;
  log: Log;
  /** Whether a container of an install of this server may be needed. */
  isInstalling(serverId: string): boolean;
}

export class LiveRuns {
  readonly #cli: NerdctlCli;
  readonly #owner: Ownership;
  readonly #records: RunRecords;
  readonly #ended: EndedRuns;
  readonly #log: Log;
  readonly #isInstalling: (serverId: string) => boolean;
  /** By container id. */
  readonly #live = new Map<string, LiveRun>();
  /** By server: the run that is being started. */
  readonly #starting = new Map<string, string>();
  /** Runs whose start failed, oldest first. */
  readonly #givenUp = new Set<string>();

  constructor({ cli, owner, records, ended, log, isInstalling }: LiveRunsOptions) {
    this.#cli = cli;
    this.#owner = owner;
    this.#records = records;
    this.#ended = ended;
    this.#log = log;
    this.#isInstalling = isInstalling;
  }

  /** Does `work`, and knows meanwhile that it starts this run. A run whose start failed does not go on. */
  async whileStarting<T>(serverId: string, runId: string, work: () => Promise<T>): Promise<T> {
    this.#starting.set(serverId, runId);
    try {
      return await work();
    } catch (error) {
      await this.#giveUp(serverId, runId);
      throw error;
    } finally {
      if (this.#starting.get(serverId) === runId) this.#starting.delete(serverId);
    }
  }

  /** Whether this is the run of a start that failed: nobody knows of it, and it is not to go on. */
  isGivenUp({ runId }: Container): boolean {
    return this.#givenUp.has(runId);
  }

  /** The run that is being started, or else the one that was seen running. */
  presentRunId(serverId: string): string | undefined {
    return this.#starting.get(serverId) ?? this.#liveRunOf(serverId)?.record.runId;
  }

  /** The server's game. One that was seen is asked for by its id: somebody may have renamed it. */
  inspect(serverId: string): Promise<Container | null> {
    const id = this.#liveRunOf(serverId)?.record.containerId;
    return inspectContainer(this.#cli, this.#owner, id ?? containerName(serverId));
  }

  /** The server's running game, looked for when it was not seen yet. */
  async find(serverId: string): Promise<Readonly<LiveRun> | undefined> {
    return this.#liveRunOf(serverId) ?? (await this.#adopt(serverId));
  }

  /** Enters a run whose container has just been made: from here on its end is noticed, however soon it comes. */
  enter(record: RunRecord): void {
    this.#live.set(record.containerId, { record, pid: 0, sawOom: false });
  }

  /** The end of a run that is forgotten is not noticed. */
  forget(serverId: string): void {
    const run = this.#liveRunOf(serverId);
    if (run) this.#live.delete(run.record.containerId);
  }

  /** Enters a container that was seen into what is known; one that has ended is told of. */
  async take(container: Container, known: RunRecord | null): Promise<RuntimeStatus> {
    const { serverId, runId, id } = container;
    let record = known?.runId === runId ? known : null;
    record ??= { serverId, runId, containerId: id, startedAt: container.startedAt, cgroup: null, exit: null };
    if (!container.isRunning) {
      await this.#settleStopped(container, record);
      return containerStatus(container, this.#records);
    }
    // It ended after it was looked at.
    if (this.#ended.isSettled(serverId, runId)) return stoppedStatus(record);
    const run = this.#live.get(id) ?? { record, pid: 0, sawOom: false };
    this.#live.set(id, run);
    const cgroup = record.cgroup ?? (await cgroupOfContainer(container.pid, id));
    const isNew = run.pid === 0;
    run.pid = container.pid;
    run.record = { ...record, cgroup, startedAt: container.startedAt ?? record.startedAt };
    if (container.isPaused) await this.#unpause(run.record);
    // Its end may have been settled meanwhile, and must not be overwritten.
    if (isNew && this.#live.get(id) === run) await this.#records.write(run.record);
    return runningStatus(run.record);
  }

  /** Makes room for a new run: the one before goes, and its end is noted, unless somebody did or it was given up. */
  async clear(container: Container): Promise<void> {
    if (!this.isGivenUp(container)) await this.take(container, await this.#records.read(container.serverId));
    await removeContainer(this.#cli, container.id);
  }

  /** Finds what began, ended or was done to containers while nobody told of it. */
  async lookAtAll(): Promise<void> {
    // Those that begin while the list is made may be missing from it.
    const before = [...this.#live.values()];
    const containers = await listContainers(this.#cli, this.#owner);
    const games = await this.#withoutDoubles(
      await this.#withoutGivenUp(containers.filter(({ kind }) => kind === "game")),
    );
    for (const container of games) {
      if (container.isRunning) await this.take(container, await this.#records.read(container.serverId));
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
    await this.#removeLeftInstalls(containers.filter(({ kind }) => kind === "install"));
  }

  /** Acts on what containerd tells of a container; of one that was not seen it is found by a look. */
  async onEvent(event: TaskEvent): Promise<void> {
    const run = this.#live.get(event.containerId);
    if (event.kind === "oom") {
      if (run) run.sawOom = true;
      else this.#ended.tellOom(event.containerId);
      return;
    }
    if (!run) return;
    if (event.kind === "paused") return this.#unpause(run.record);
    await this.#settle(run.record, event.exitCode, event.exitedAt, run.sawOom);
  }

  #liveRunOf(serverId: string): LiveRun | undefined {
    return [...this.#live.values()].find(({ record }) => record.serverId === serverId);
  }

  async #adopt(serverId: string): Promise<LiveRun | undefined> {
    const container = await this.inspect(serverId);
    const isWanted = container?.isRunning && !this.isGivenUp(container);
    if (isWanted) await this.take(container, await this.#records.read(serverId));
    return this.#liveRunOf(serverId);
  }

  /** What is just being made looks like something that has ended. */
  async #lookAgain({ id, serverId }: Container): Promise<void> {
    if (this.#starting.has(serverId)) return;
    const container = await inspectContainer(this.#cli, this.#owner, id);
    if (!container || this.#starting.has(serverId)) return;
    await this.take(container, await this.#records.read(serverId));
  }

  /**
   * A start fails too when its answer was lost, be it that containerd was restarted meanwhile: what it made is removed
   * now, or, while containerd is away, by the next look.
   */
  async #giveUp(serverId: string, runId: string): Promise<void> {
    this.#givenUp.add(runId);
    if (this.#givenUp.size > GIVEN_UP_MAX) this.#givenUp.delete(this.#givenUp.values().next().value!);
    const run = this.#liveRunOf(serverId);
    if (run?.record.runId === runId) this.#live.delete(run.record.containerId);
    try {
      const container = await this.inspect(serverId);
      if (container?.runId === runId) await removeContainer(this.#cli, container.id);
    } catch (error) {
      this.#log.warn({ err: error, serverId }, "what a failed start has left cannot be looked for");
    }
  }

  /** An install that lost its agent, or could not remove its container while containerd was away, is begun anew. */
  async #removeLeftInstalls(installs: Container[]): Promise<void> {
    for (const { id, serverId } of installs) {
      if (this.#isInstalling(serverId)) continue;
      this.#log.warn({ serverId, containerId: id }, "what an install has left is removed");
      await removeContainer(this.#cli, id);
    }
  }

  async #withoutGivenUp(games: Container[]): Promise<Container[]> {
    for (const container of games.filter((each) => this.isGivenUp(each))) {
      this.#log.warn({ serverId: container.serverId, containerId: container.id }, "a run that was given up is removed");
      await removeContainer(this.#cli, container.id);
    }
    return games.filter((each) => !this.isGivenUp(each));
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
      this.#log.warn({ serverId, containerId: id }, "a second container of a server is removed");
      await removeContainer(this.#cli, id);
      extra.add(container);
    }
    return games.filter((container) => !extra.has(container));
  }

  async #unpause({ serverId, containerId }: RunRecord): Promise<void> {
    this.#log.warn({ serverId }, "a server was paused from outside; it goes on");
    await unpauseContainer(this.#cli, containerId);
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
      await this.#ended.removeEnded(record.serverId, container.id);
    }
  }

  #settle(record: RunRecord, exitCode: number, exitedAt: number, sawOomEvent: boolean): Promise<void> {
    this.#live.delete(record.containerId);
    return this.#ended.settle(record, exitCode, exitedAt, sawOomEvent);
  }
}
