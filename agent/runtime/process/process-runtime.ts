/**
 * Runs games as processes of the host, for machines without containerd. It isolates nothing and says so.
 *
 * Nothing of a run depends on the agent: wrapper, game and logger are init's, what they leave is on disk, and the
 * agent finds them again by pid and start time.
 */
import { randomBytes } from "node:crypto";
import { type FSWatcher, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Finding } from "../../../protocol/findings.ts";
import { announceToProcess } from "../../console/announce.ts";
import { installConsoleLogger } from "../../console/console-logger.ts";
import { sayInConsole } from "../../console/say.ts";
import { makeFifo, makeServerFolders, serverPaths } from "../../console/server-paths.ts";
import type { Log } from "../../log.ts";
import { hasEnded, type ProcessStat, readProcessStat } from "../../process-stat.ts";
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
import {
  ConsoleLoggers,
  isWrapperAlive,
  killRun,
  processesBySession,
  runMark,
  signalSession,
} from "./game-processes.ts";
import { findTool, processPreflight, type Tool } from "./preflight.ts";
import { RunFiles, type RunRecord } from "./run-files.ts";
import { spawnDetached } from "./spawn-detached.ts";
import { wrapperArguments } from "./wrapper.ts";

const SPAWN_DEADLINE_MS = 10_000;
const SPAWN_LOOK_MS = 2;
/** Between the end of a game and its exit code on disk; past it the wrapper itself must have been ended. */
const EXIT_CODE_DEADLINE_MS = 1_000;
const WRAPPER_DEADLINE_MS = 10_000;
const LIVENESS_LOOK_MS = 5_000;
/** Linux reports process times in hundredths of a second on every architecture it runs on today. */
const TICK_US = 10_000;
const PAGE_BYTES = 4096;
/** Told when the wrapper was killed with its game, and nobody wrote the exit code down. */
const UNKNOWN_EXIT_CODE = 255;

export interface ProcessRuntimeOptions {
  dataDir: string;
  bootIdentity: string;
  log: Log;
}

export class ProcessRuntime implements ContainerRuntime {
  readonly name = "process";
  readonly #files: RunFiles;
  readonly #options: ProcessRuntimeOptions;
  readonly #folder: string;
  #loggerPath = "";
  #ready: Promise<void> | null = null;
  #onExit: ExitListener | null = null;
  #watcher: FSWatcher | null = null;
  #livenessTimer: NodeJS.Timeout | null = null;
  readonly #reported = new Set<string>();
  /** Runs that this agent is starting right now. */
  readonly #beginning = new Set<string>();
  readonly #endings = new Endings();
  /** By server, the end of what its last run has left behind. */
  readonly #sweeps = new Map<string, Promise<void>>();

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#folder = join(options.dataDir, "process-runtime");
    this.#files = new RunFiles(this.#folder);
  }

  async preflight(): Promise<Finding[]> {
    return processPreflight();
  }

  async watch(onExit: ExitListener): Promise<void> {
    await this.#prepare();
    this.#onExit = onExit;
    this.#watcher ??= watch(this.#files.exits, { persistent: false }, () => {
      void this.#look(() => this.#reportExits());
    });
    this.#livenessTimer ??= setInterval(() => void this.#look(() => this.#lookForTheDead()), LIVENESS_LOOK_MS).unref();
    this.#reportExits();
  }

  async start(launch: LaunchSpec): Promise<RuntimeStatus> {
    const { spec, paths, command, environment } = launch;
    const present = await this.inspect(spec.id);
    if (present?.isRunning) return present;
    const run = await this.#begin("game", spec.id, paths, command, environment);
    return this.#statusOf(run);
  }

  async signal(serverId: string, signal: string, runId?: string): Promise<void> {
    const leader = this.#liveLeader(this.#meant(serverId, runId));
    if (leader) signalSession(leader.pid, signal as NodeJS.Signals);
  }

  async kill(serverId: string, runId?: string): Promise<void> {
    const run = this.#meant(serverId, runId);
    if (run && this.#isOfThisBoot(run)) await this.#end(run);
  }

  async install(install: InstallSpec, abort: AbortSignal): Promise<ExitStatus> {
    const { spec, paths, environment } = install;
    await this.kill(spec.id);
    const script = join(paths.records, "install.sh");
    await makeServerFolders(paths);
    writeFileSync(script, spec.installScript, { mode: 0o600 });
    if (abort.aborted) throw new RuntimeError("The installation was ended before it was done.");
    await install.prepare?.();
    const command = `exec /bin/sh "\${CATALYST_INSTALL_SCRIPT}"`;
    const withScript = { ...environment, CATALYST_INSTALL_SCRIPT: script };
    const run = await this.#begin("install", spec.id, paths, command, withScript);
    while (!abort.aborted && this.#liveLeader(run)) await delay(20);
    if (abort.aborted) {
      await this.#end(run);
      throw new RuntimeError("The install script was ended.");
    }
    const exit = await this.#exitOf(run);
    this.#files.remove(spec.id);
    if (!exit) throw new RuntimeError("The install script was ended from outside.");
    return exit;
  }

  cancelPull(): void {
    // There are no images here.
  }

  async say(paths: ServerPaths, text: string): Promise<void> {
    await this.#prepare();
    await sayInConsole(this.#loggerPath, paths, text, this.#options.log);
  }

  async inspect(serverId: string): Promise<RuntimeStatus | null> {
    await this.#prepare();
    const run = this.#files.readRecord(serverId);
    if (run?.kind !== "game") return null;
    if (!(await this.#hasComeToLife(run))) return null;
    return this.#statusOf(run);
  }

  async list(): Promise<RuntimeStatus[]> {
    await this.#prepare();
    const all = await Promise.all(this.#files.serverIds().map((id) => this.inspect(id)));
    return all.filter((status) => status !== null);
  }

  /** Processes share nothing but the node's own network. */
  async follow(): Promise<void> {}

  /** Nothing is enforced, so nothing waits. */
  async updateLimits(): Promise<KeptLimit[]> {
    return [];
  }

  async usage(serverId: string): Promise<RuntimeUsage | null> {
    const leader = this.#liveLeader(this.#files.readRecord(serverId));
    if (!leader) return null;
    const members = processesBySession().get(leader.pid) ?? [];
    const sum = (of: (stat: ProcessStat) => number) => members.reduce((total, stat) => total + of(stat), 0);
    return {
      cpuUsageUs: sum((stat) => stat.cpuTicks) * TICK_US,
      memoryBytes: sum((stat) => stat.residentPages) * PAGE_BYTES,
      memoryLimitBytes: null,
      // Traffic of a host process cannot be told from that of others.
      networkRxBytes: 0,
      networkTxBytes: 0,
      processCount: members.length,
    };
  }

  async announce(serverId: string, line: string): Promise<boolean> {
    const leader = this.#liveLeader(this.#files.readRecord(serverId));
    return leader !== null && announceToProcess(leader.pid, line);
  }

  async remove(serverId: string): Promise<void> {
    await this.#prepare();
    await this.kill(serverId);
    await this.#loggersOf(serverId).end();
    this.#files.remove(serverId);
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    if (this.#livenessTimer) clearInterval(this.#livenessTimer);
    this.#onExit = null;
    await Promise.all(this.#sweeps.values());
  }

  #loggersOf(serverId: string): ConsoleLoggers {
    return new ConsoleLoggers(this.#loggerPath, serverPaths(this.#options.dataDir, serverId).console);
  }

  #prepare(): Promise<void> {
    this.#ready ??= (async () => {
      await this.#files.prepare();
      this.#loggerPath = await installConsoleLogger(this.#folder);
    })();
    return this.#ready;
  }

  /** Starts wrapper and game, and resolves when the game's process has named itself. */
  async #begin(
    kind: RunRecord["kind"],
    serverId: string,
    paths: ServerPaths,
    command: string,
    environment: Record<string, string>,
  ): Promise<RunRecord> {
    await this.#prepare();
    // It goes by the server and would take the new run for the old one.
    await this.#sweeps.get(serverId);
    const before = this.#files.readRecord(serverId);
    if (before && this.#isOfThisBoot(before)) await this.#end(before);
    // A kill that is still looking for what is left would take the new run's processes for the old one's.
    await this.#endings.done(serverId);
    this.#files.remove(serverId);
    await makeServerFolders(paths);
    await makeFifo(paths.stdin);
    const runId = `${Date.now().toString(36)}${randomBytes(6).toString("hex")}`;
    const { bootIdentity } = this.#options;
    const run: RunRecord = { serverId, runId, kind, bootIdentity, startedAt: Date.now() };
    this.#beginning.add(runId);
    await this.#files.writeRecord(run);
    const path = process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin";
    const places = {
      processFile: this.#files.processFile(run),
      cancelledFile: this.#files.cancelledFile(run),
      exitFile: this.#files.exitFile(run),
      stdin: paths.stdin,
      console: paths.console,
      logger: this.#loggerPath,
      setsid: tool("setsid"),
      env: tool("env"),
      path,
    };
    try {
      const own = { PATH: path, ...environment, ...runMark(paths.console) };
      await spawnDetached(wrapperArguments(places, command), paths.data, own);
      await this.#untilNamed(run);
    } finally {
      this.#beginning.delete(runId);
    }
    return run;
  }

  async #untilNamed(run: RunRecord): Promise<void> {
    const deadline = performance.now() + SPAWN_DEADLINE_MS;
    while (!this.#files.readProcess(run) && !this.#files.readExit(run)) {
      if (performance.now() > deadline) {
        await this.#end(run);
        throw new RuntimeError("The server's process did not start in time.");
      }
      await delay(SPAWN_LOOK_MS);
    }
  }

  /** The present run, unless another one is meant. */
  #meant(serverId: string, runId: string | undefined): RunRecord | null {
    const run = this.#files.readRecord(serverId);
    return runId === undefined || run?.runId === runId ? run : null;
  }

  #isOfThisBoot(run: RunRecord): boolean {
    return run.bootIdentity === this.#options.bootIdentity;
  }

  /**
   * A run that the last agent wrote down and perhaps did not come to start: it gets a moment to show itself, and is
   * forbidden then, so that it cannot come to life behind somebody's back.
   */
  async #hasComeToLife(run: RunRecord): Promise<boolean> {
    const hasSign = () => this.#files.readProcess(run) !== null || this.#files.readExit(run) !== null;
    if (!this.#isOfThisBoot(run)) return true;
    const deadline = performance.now() + EXIT_CODE_DEADLINE_MS;
    while (!hasSign() && performance.now() < deadline && !this.#beginning.has(run.runId)) await delay(SPAWN_LOOK_MS);
    if (hasSign() || this.#beginning.has(run.runId)) return hasSign();
    this.#files.cancel(run);
    return hasSign();
  }

  /** The game's first process while it lives. */
  #liveLeader(run: RunRecord | null): ProcessStat | null {
    if (!run || !this.#isOfThisBoot(run)) return null;
    const named = this.#files.readProcess(run);
    if (!named) return null;
    const stat = readProcessStat(named.pid);
    return stat && stat.startTicks === named.startTicks && !hasEnded(stat) ? stat : null;
  }

  async #statusOf(run: RunRecord): Promise<RuntimeStatus> {
    const { serverId, runId, startedAt } = run;
    if (this.#liveLeader(run)) return { serverId, isRunning: true, runId, startedAt, exit: null };
    return { serverId, isRunning: false, runId, startedAt, exit: await this.#exitOf(run) };
  }

  /** The exit of a run whose first process is gone; null when nobody wrote it down. */
  async #exitOf(run: RunRecord): Promise<ExitStatus | null> {
    if (!this.#isOfThisBoot(run)) return this.#files.readExit(run);
    const startedAt = performance.now();
    for (;;) {
      const waitedMs = performance.now() - startedAt;
      const exit = this.#files.readExit(run);
      if (exit || this.#liveLeader(run) || waitedMs > WRAPPER_DEADLINE_MS) return exit;
      // On a busy machine the wrapper comes to its last lines when it can.
      if (waitedMs > EXIT_CODE_DEADLINE_MS && !isWrapperAlive(this.#files.exitFile(run))) return exit;
      await delay(SPAWN_LOOK_MS);
    }
  }

  /** Ends a run for good: one that has not come to life yet never will. */
  #end(run: RunRecord): Promise<void> {
    this.#files.cancel(run);
    return this.#endings.run(run.serverId, async () => {
      const leader = this.#liveLeader(run)?.pid ?? null;
      const isGone = await killRun(leader, this.#loggersOf(run.serverId));
      if (!isGone) throw new RuntimeError("Some of the server's processes cannot be ended.");
    });
  }

  /** A look that nobody waits for. It fails where the data folder is gone, and the next one begins anew. */
  async #look(look: () => void | Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      this.#options.log.warn({ err: error }, "ended servers could not be looked for");
    }
  }

  #reportExits(): void {
    for (const serverId of this.#files.serverIds()) {
      const run = this.#files.readRecord(serverId);
      const exit = run?.kind === "game" ? this.#files.readExit(run) : null;
      if (run && exit) this.#report(run, exit);
    }
  }

  #report(run: RunRecord, exit: ExitStatus): void {
    if (!this.#onExit || this.#reported.has(run.runId)) return;
    this.#reported.add(run.runId);
    this.#onExit(run.serverId, run.runId, exit);
    this.#sweep(run);
  }

  /** What the game has started goes with it, as in a container, wherever it has put itself. */
  #sweep(run: RunRecord): void {
    const { serverId, runId } = run;
    if (this.#files.readRecord(serverId)?.runId !== runId || this.#sweeps.has(serverId)) return;
    const sweep = killRun(null, this.#loggersOf(serverId)).then((isGone) => {
      if (!isGone) this.#options.log.warn({ serverId }, "an ended server has left processes that cannot be ended");
      this.#sweeps.delete(serverId);
    });
    this.#sweeps.set(serverId, sweep);
  }

  /** Finds runs whose wrapper was killed: no exit code will come of them. */
  async #lookForTheDead(): Promise<void> {
    this.#reportExits();
    for (const serverId of this.#files.serverIds()) {
      const run = this.#files.readRecord(serverId);
      if (run?.kind !== "game" || !this.#isOfThisBoot(run) || this.#reported.has(run.runId)) continue;
      if (!this.#files.readProcess(run) || this.#liveLeader(run)) continue;
      const exit = await this.#exitOf(run);
      this.#options.log.warn({ serverId, exitKnown: exit !== null }, "a server was found ended");
      this.#report(run, exit ?? { exitCode: UNKNOWN_EXIT_CODE, signal: null, oomKilled: false, exitedAt: Date.now() });
    }
  }
}

function tool(name: Tool): string {
  const file = findTool(name);
  if (!file) throw new RuntimeError(`The node lacks the program ${name}.`);
  return file;
}
