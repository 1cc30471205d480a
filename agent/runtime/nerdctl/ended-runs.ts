/** The settling of ended runs: how each ended is noted in its record and told of once, and its container goes. */
import type { Log } from "../../log.ts";
import type { ExitListener, ExitStatus } from "../container-runtime.ts";
import { Endings } from "../endings.ts";
import type { NerdctlCli } from "./cli.ts";
import { removeContainer } from "./containers.ts";
import { exitStatus, KILLED } from "./exit-status.ts";
import { countOomKills, OomEvents } from "./oom.ts";
import type { RunRecord, RunRecords } from "./run-records.ts";

export interface EndedRunsOptions {
  cli: NerdctlCli;
  records: RunRecords;
  namespace: string;
  log: Log;
  /** Nothing of the node leads to this run any more. Never fails. */
  shutPorts(serverId: string, runId: string): Promise<void>;
}

export class EndedRuns {
  readonly #cli: NerdctlCli;
  readonly #records: RunRecords;
  readonly #namespace: string;
  readonly #log: Log;
  readonly #shutPorts: EndedRunsOptions["shutPorts"];
  readonly #oomEvents = new OomEvents();
  readonly #endings = new Endings();
  #onExit: ExitListener | null = null;
  /** By server: the last run whose end was told in this life of the agent, */
  readonly #reported = new Map<string, string>();
  /** and the last whose end is noted, or is being noted. */
  readonly #settling = new Map<string, string>();

  constructor({ cli, records, namespace, log, shutPorts }: EndedRunsOptions) {
    this.#cli = cli;
    this.#records = records;
    this.#namespace = namespace;
    this.#log = log;
    this.#shutPorts = shutPorts;
  }

  /** From here on ends are told to `onExit`; to nobody when it is null. */
  listen(onExit: ExitListener | null): void {
    this.#onExit = onExit;
  }

  /** Tells of ends that an agent noted and may have died before it could act on. */
  async tellNoted(): Promise<void> {
    for (const record of await this.#records.all()) {
      if (record.exit) this.#tell(record, record.exit);
    }
  }

  /** Whether the end of this run, the server's last, is noted or is being noted. */
  isSettled(serverId: string, runId: string): boolean {
    return this.#settling.get(serverId) === runId;
  }

  /** Resolves when no end of this server's runs is being settled any more, whether it went well or not. */
  done(serverId: string): Promise<void> {
    return this.#endings.done(serverId);
  }

  /** containerd told of a kill for want of memory; the run's end may be being settled. */
  tellOom(containerId: string): void {
    this.#oomEvents.tell(containerId);
  }

  /**
   * Notes how a run ended, tells of it once, and removes the container, which would keep its address. Failures are
   * logged: an end is told of even when it cannot be noted.
   *
   * @param exitedAt milliseconds since 1970.
   * @param sawOomEvent whether containerd told of a kill for want of memory; the kernel's own count is asked too.
   */
  settle(record: RunRecord, exitCode: number, exitedAt: number, sawOomEvent: boolean): Promise<void> {
    return this.#endings.run(record.serverId, () => this.#noteEnd(record, exitCode, exitedAt, sawOomEvent));
  }

  /** Removes the container of a run that has ended. One that cannot be removed yet is found by a later look. */
  async removeEnded(serverId: string, containerId: string): Promise<void> {
    await removeContainer(this.#cli, containerId).catch((error) =>
      this.#log.warn({ err: error, serverId }, "an ended container could not be removed yet"),
    );
  }

  async #noteEnd(record: RunRecord, exitCode: number, exitedAt: number, sawOomEvent: boolean): Promise<void> {
    const { serverId, runId, containerId } = record;
    if (!this.isSettled(serverId, runId)) {
      this.#settling.set(serverId, runId);
      const sawOom = exitCode === KILLED && !record.exit && (sawOomEvent || (await this.#sawOom(record)));
      const exit = record.exit ?? exitStatus(exitCode, exitedAt, sawOom);
      await this.#records
        .write({ ...record, exit })
        .catch((error) => this.#log.error({ err: error, serverId }, "the end of a run could not be noted"));
      this.#tell(record, exit);
    }
    await Promise.all([this.#shutPorts(serverId, runId), this.removeEnded(serverId, containerId)]);
  }

  #tell({ serverId, runId }: RunRecord, exit: ExitStatus): void {
    if (!this.#onExit || this.#reported.get(serverId) === runId) return;
    this.#reported.set(serverId, runId);
    this.#onExit(serverId, runId, exit);
  }

  async #sawOom({ containerId, cgroup }: RunRecord): Promise<boolean> {
    const kills = await countOomKills(containerId, this.#namespace, cgroup);
    return kills === null ? this.#oomEvents.comes(containerId) : kills > 0;
  }
}
