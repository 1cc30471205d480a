/** The running agent: its parts, and how they are joined. */
import { randomUUID } from "node:crypto";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PreflightReply } from "../protocol/findings.ts";
import type { HubToAgent } from "../protocol/frames/hub-to-agent.ts";
import type { HealthReport, ResourceStats } from "../protocol/frames/shared.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import type { AgentConfig, NodeIdentity } from "./config.ts";
import type { ConsoleStreams } from "./console/console-hub.ts";
import { writeConsoleInput } from "./console/console-input.ts";
import { type ConsoleLogs, createConsoleLogs } from "./console/console-logs.ts";
import { createConsoleStreams } from "./console/console-streams.ts";
import { DiskWatch } from "./disk/disk-watch.ts";
import { openDisks } from "./disk/open-disks.ts";
import type { ServerDisks } from "./disk/server-disks.ts";
import { Journal } from "./journal/journal.ts";
import { backoffMs } from "./link/backoff.ts";
import { HubLink, type Welcome } from "./link/hub-link.ts";
import { Teller } from "./link/teller.ts";
import type { Log } from "./log.ts";
import { handleOperation } from "./operations/handle-operation.ts";
import { OperationError } from "./operations/operation-error.ts";
import { reportToPanel } from "./panel-client.ts";
import type { ServerActor } from "./power/server-actor.ts";
import { troubleOf } from "./preflight/finding.ts";
import { reportFindings } from "./preflight/findings-report.ts";
import { preflight } from "./preflight/preflight.ts";
import { pullSpec } from "./reconcile/pull-spec.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { writeFileAtomic } from "./records/atomic-file.ts";
import type { ContainerRuntime } from "./runtime/container-runtime.ts";
import { LiveReports } from "./stats/live-reports.ts";
import { type LocalEndpoint, openLocalEndpoint } from "./stats/local-endpoint.ts";
import { NodeHealth } from "./stats/node-health.ts";
import { ResourceSampler } from "./stats/resource-sampler.ts";
import { Updater, type UpdaterOptions } from "./update/updater.ts";
import { AGENT_BUILD, AGENT_VERSION } from "./version.ts";

const RUNTIME_RETRY = { firstMs: 500, maxMs: 10_000 };
/** After a boot the runtime may come up later than the agent; past this the panel is told what is missing. */
const RUNTIME_GRACE_MS = 5_000;

export interface AgentParts {
  config: AgentConfig;
  identity: NodeIdentity;
  runtime: ContainerRuntime;
  bootIdentity: string;
  /** How this agent can be replaced, and what ends it in order when it is; left out, it cannot be. */
  updates?: Pick<UpdaterOptions, "home" | "isSupervised" | "onStaged">;
  log: Log;
}

export class Agent {
  readonly #parts: AgentParts;
  readonly #bootId = randomUUID();
  readonly #startedAt = Date.now();
  readonly #consoles: ConsoleLogs;
  readonly #journal: Journal;
  readonly #reconciler: Reconciler;
  readonly #link: HubLink;
  readonly #streams: ConsoleStreams;
  readonly #disks: ServerDisks;
  readonly #diskWatch: DiskWatch;
  readonly #sampler: ResourceSampler;
  readonly #health: NodeHealth;
  readonly #reports: LiveReports;
  readonly #findings: Teller;
  readonly #updateFailures: Teller;
  readonly #updater: Updater;
  #endpoint: LocalEndpoint | null = null;
  /** False while the runtime is not there: the node is connected then, and can tell why it runs nothing. */
  #hasServers = false;
  /** What the hub last said while there was nothing to reconcile with. */
  #generation: number | null = null;
  #clockSkewMs: number | null = null;
  #isFirstWelcome = true;
  #isClosed = false;

  private constructor(parts: AgentParts, journal: Journal, disks: ServerDisks) {
    const { config, identity, runtime, bootIdentity, log } = parts;
    const dataDir = config.agent.data_dir;
    this.#parts = parts;
    this.#journal = journal;
    this.#disks = disks;
    this.#consoles = createConsoleLogs(dataDir);
    this.#reconciler = new Reconciler({
      dataDir,
      nodeId: identity.nodeId,
      consoles: this.#consoles,
      pull: (known) => pullSpec(identity, known, log),
      services: {
        runtime,
        disks,
        journal,
        log,
        bootIdentity,
        timeZone: config.agent.time_zone,
        writeInput: writeConsoleInput,
      },
    });
    this.#sampler = new ResourceSampler(runtime, disks);
    this.#diskWatch = new DiskWatch({
      disks,
      actors: () => this.#reconciler.actors(),
      onError: (error) => log.warn({ err: error }, "a disk cannot be measured"),
    });
    this.#health = new NodeHealth(identity.nodeId, dataDir);
    this.#link = new HubLink(
      identity,
      {
        hello: () => this.#hello(),
        onUp: (welcome) => this.#onUp(welcome),
        onDown: () => this.#onDown(),
        onFrame: (frame) => this.#onFrame(frame),
      },
      log,
    );
    this.#streams = createConsoleStreams({
      openLog: this.#consoles.open,
      sink: this.#link,
      isInstalling: (serverId) => this.#reconciler.actor(serverId)?.status.state === "installing",
      onError: (serverId, error) => log.warn({ serverId, err: error }, "a console cannot be read"),
    });
    this.#reports = new LiveReports({
      sendStats: (serverId) => this.#sendStats(serverId),
      sendHealth: async () => void this.#link.send(JSON.stringify(await this.#healthReport())),
      onError: (error) => log.warn({ err: error }, "figures cannot be read"),
    });
    this.#findings = new Teller({ tellOnce: () => reportFindings(identity, dataDir, () => this.#preflight()), log });
    this.#updateFailures = new Teller({ tellOnce: () => this.#reportUpdateFailure(), log });
    this.#updater = new Updater({
      ...(parts.updates ?? { home: null, isSupervised: false, onStaged: () => {} }),
      panelUrl: identity.panelUrl,
      present: AGENT_BUILD,
      log,
      onFailure: () => this.#updateFailures.tell(),
    });
    journal.onEvent = (event) => void this.#link.send(JSON.stringify(event));
  }

  /** Opens what is on disk; nothing runs yet. */
  static async open(parts: AgentParts): Promise<Agent> {
    const dataDir = parts.config.agent.data_dir;
    await mkdir(dataDir, { recursive: true });
    // Others may pass through (a game's own folder lies below), not look around.
    await chmod(dataDir, 0o711);
    const { config, runtime, log } = parts;
    const disks = await openDisks(config, runtime, log, (serverId, sentence) => {
      log.info({ serverId, sentence }, "disk");
      void runtime.announce(serverId, `[catalyst] ${sentence}`);
    });
    return new Agent(parts, await Journal.open(dataDir, log), disks);
  }

  /**
   * Brings the node back to what it was from disk and runtime, then dials the panel. A node whose runtime does not come
   * dials too, so that the panel can say what it lacks; its servers are taken up whenever the runtime comes.
   */
  async start(): Promise<void> {
    await this.#openEndpoint();
    const watching = this.#untilRuntime(() => this.#watchRuntime());
    const grace = new AbortController();
    const isInTime = await Promise.race([
      watching.then(() => true),
      delay(RUNTIME_GRACE_MS, false, { signal: grace.signal }).catch(() => true),
    ]);
    grace.abort();
    if (!isInTime && !this.#isClosed) this.#link.start();
    await watching;
    await this.#untilRuntime(() => this.#reconciler.recover());
    if (this.#isClosed) return;
    this.#hasServers = true;
    this.#diskWatch.start();
    if (isInTime) return this.#link.start();
    if (this.#generation !== null) this.#reconciler.want(this.#generation);
    if (!this.#isFirstWelcome) this.#findings.tell();
  }

  /** Lets go of everything in order; game servers go on running. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    this.#link.stop();
    this.#findings.close();
    this.#updateFailures.close();
    this.#updater.close();
    this.#reports.stop();
    this.#diskWatch.stop();
    this.#streams.reset();
    await this.#endpoint?.close();
    await this.#reconciler.close();
    await this.#disks.close();
    await this.#parts.runtime.close();
    await this.#consoles.close();
    await this.#journal.close();
  }

  async #openEndpoint(): Promise<void> {
    const { config, log } = this.#parts;
    const portFile = join(config.agent.data_dir, "stats-port");
    await rm(portFile, { force: true });
    const stats = () => this.#localStats();
    try {
      this.#endpoint = await openLocalEndpoint(config.agent.stats_port, stats);
    } catch (error) {
      log.error({ err: error, port: config.agent.stats_port }, "the stats port is taken; using a free one");
      this.#endpoint = await openLocalEndpoint(0, stats);
    }
    await writeFileAtomic(portFile, `${this.#endpoint.port}\n`, 0o644);
    log.info({ port: this.#endpoint.port }, "local figures");
  }

  /** After a boot of the machine the runtime's own daemon may come up later than the agent: tries until it works. */
  async #untilRuntime(work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      try {
        return await work();
      } catch (error) {
        this.#parts.log.error({ err: error }, "the runtime is not there yet");
        await delay(backoffMs(attempt, RUNTIME_RETRY));
      }
    }
  }

  async #watchRuntime(): Promise<void> {
    const { runtime } = this.#parts;
    await runtime.list();
    await runtime.watch((serverId, runId, exit) => {
      void this.#reconciler.actor(serverId)?.exited(runId, exit);
    });
  }

  #hello() {
    return {
      type: "hello" as const,
      protocol: PROTOCOL_VERSION,
      agentVersion: AGENT_VERSION,
      bootId: this.#bootId,
      appliedGeneration: this.#reconciler.appliedGeneration,
      runtime: this.#parts.runtime.name,
    };
  }

  #onUp(welcome: Welcome): void {
    const journal = this.#journal;
    const isKnown = journal.knows(welcome.ackedSeq);
    journal.acknowledge(welcome.ackedSeq);
    for (const event of journal.eventsAfter(welcome.ackedSeq)) this.#link.send(JSON.stringify(event));
    if (!isKnown) {
      this.#parts.log.warn(
        { hub: welcome.ackedSeq, own: journal.lastSeq },
        "the hub's memory is not ours; telling it all",
      );
      void journal.restate(welcome.ackedSeq);
    }
    this.#want(welcome.specGeneration);
    this.#clockSkewMs = Date.now() - welcome.serverTime;
    if (this.#isFirstWelcome) this.#firstWelcome();
    this.#isFirstWelcome = false;
  }

  #firstWelcome(): void {
    this.#updater.welcomed();
    this.#findings.tell();
    this.#updateFailures.tell();
  }

  #want(generation: number): void {
    this.#generation = generation;
    if (this.#hasServers) this.#reconciler.want(generation);
  }

  #onDown(): void {
    this.#streams.reset();
    this.#reports.stop();
  }

  #onFrame(frame: HubToAgent): void {
    switch (frame.type) {
      case "spec_changed":
        this.#want(frame.generation);
        break;
      case "event_ack":
        this.#journal.acknowledge(frame.seq);
        break;
      case "console_open":
        void this.#streams.open(frame.serverId);
        break;
      case "console_close":
        this.#streams.close(frame.serverId);
        break;
      case "console_credit":
        this.#streams.credit(frame.serverId, frame.offset);
        break;
      case "console_replay":
        void this.#streams.replay(frame.serverId, frame.requestId, frame.from, frame.maxBytes);
        break;
      case "watch":
        this.#reports.watch(frame.serverIds, frame.health);
        break;
      case "request":
        void this.#answer(frame);
        break;
      default:
        break;
    }
  }

  async #answer({ requestId, operation }: Extract<HubToAgent, { type: "request" }>): Promise<void> {
    const outcome = await handleOperation(operation, {
      find: (serverId) => this.#find(serverId),
      caughtUp: () => this.#reconciler.caughtUp(),
      writeInput: writeConsoleInput,
      stats: (actor) => this.#sampler.sample(actor),
      health: () => this.#healthReport(),
      preflight: (serverTime) => {
        this.#clockSkewMs = Date.now() - serverTime;
        return this.#preflight();
      },
      update: (updateId, build) => this.#updater.begin(updateId, build),
      log: this.#parts.log,
    });
    this.#link.respond({ type: "response", requestId, ...outcome });
  }

  /** @throws OperationError that says what the node lacks while it can run nothing. */
  async #find(serverId: string): Promise<ServerActor | null> {
    if (this.#hasServers) return this.#reconciler.find(serverId);
    const trouble = troubleOf(await this.#parts.runtime.preflight().catch(() => []));
    throw new OperationError(
      "CONTAINER_ERROR",
      `This node cannot run servers now. ${trouble ?? "Its container runtime does not answer."}`,
    );
  }

  async #reportUpdateFailure(): Promise<void> {
    const updateFailure = await this.#updater.failure();
    if (!updateFailure) return;
    await reportToPanel(this.#parts.identity, { updateFailure });
    await this.#updater.failureTold();
  }

  #preflight(): Promise<PreflightReply> {
    const { runtime, config, log } = this.#parts;
    return preflight({ runtime, dataDir: config.agent.data_dir, clockSkewMs: this.#clockSkewMs, log });
  }

  async #sendStats(serverId: string): Promise<void> {
    const actor = this.#reconciler.actor(serverId);
    if (actor) this.#link.send(JSON.stringify(await this.#sampler.sample(actor)));
  }

  #runningCount(): number {
    const states = ["running", "starting", "stopping"];
    return this.#reconciler.actors().filter((actor) => states.includes(actor.status.state)).length;
  }

  #healthReport(): Promise<HealthReport> {
    return this.#health.report(this.#runningCount());
  }

  async #localStats(): Promise<unknown> {
    const server = async (actor: ServerActor) => {
      const { type: _, timestamp: __, ...figures }: ResourceStats = await this.#sampler.sample(actor);
      return { ...figures, name: actor.spec.name, state: actor.status.state };
    };
    return {
      ...(await this.#healthReport()),
      agentVersion: AGENT_VERSION,
      agentUptimeSeconds: Math.round((Date.now() - this.#startedAt) / 1000),
      runtime: this.#parts.runtime.name,
      link: this.#link.figures,
      appliedGeneration: this.#reconciler.appliedGeneration,
      unacknowledgedEvents: this.#journal.unacknowledgedCount,
      servers: await Promise.all(this.#reconciler.actors().map(server)),
    };
  }
}
