/**
 * One server on this node: takes commands, spec changes and what the runtime reports one after the other, lets the
 * state machine decide, writes the decision down, and only then acts on it.
 *
 * Whatever takes long (launching, installing, waiting for an exit) runs beside the mailbox and comes back as an input
 * of its own, so that `kill` is never behind anything.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { PowerAction } from "../../protocol/server-state.ts";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import type { Disks } from "../disk/server-disks.ts";
import type { Journal } from "../journal/journal.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime, ExitStatus, RuntimeStatus, ServerPaths } from "../runtime/container-runtime.ts";
import { askToStop } from "./ask-to-stop.ts";
import type { DeadlineName } from "./deadlines.ts";
import { CANCELLED_WORDS, INSTALL_CANCELLED, INSTALL_OVERDUE, installServer, overdueWords } from "./install-server.ts";
import { readLastLines } from "./last-lines.ts";
import { launchServer } from "./launch-server.ts";
import { LimitsFollower } from "./limits-follower.ts";
import { PhaseTimers } from "./phase-timers.ts";
import { recoverRun } from "./recover-run.ts";
import { pendingChanges, runFields } from "./run-fields.ts";
import { firstStatus, type ServerStatus } from "./server-status.ts";
import { isAtRest } from "./settle.ts";
import { factsOf } from "./spec-facts.ts";
import { type CommandAnswer, type Effect, type PowerInput, transition } from "./transitions.ts";

/** How long a removal waits for what is under way, such as the download of an image, before it is put off. */
const REMOVE_PATIENCE_MS = 15_000;

export interface ActorServices {
  runtime: ContainerRuntime;
  disks: Disks;
  journal: Journal;
  log: Log;
  /** Which boot of the machine this is. */
  bootIdentity: string;
  timeZone: string;
  writeInput(paths: ServerPaths, line: string): Promise<void>;
}

/** Something long that runs beside the mailbox. */
interface Work {
  abort: AbortController;
  done: Promise<void>;
}

export class ServerActor {
  readonly console: ConsoleLog;
  readonly paths: ServerPaths;
  readonly #services: ActorServices;
  readonly #log: Log;
  readonly #timers: PhaseTimers;
  readonly #limits: LimitsFollower;
  #spec: ServerSpec;
  #status: ServerStatus;
  #mailbox: Promise<unknown> = Promise.resolve();
  /** What was begun last; an earlier one that is not done yet is nobody's concern any more, but is waited for. */
  #install: Work | null = null;
  #launching: Work | null = null;
  /** Effects that are not done yet. */
  readonly #working = new Set<Promise<void>>();
  /** Exits of a run that ended before its launch was reported. */
  readonly #earlyExits = new Map<string, ExitStatus>();
  #isClosed = false;

  constructor(spec: ServerSpec, paths: ServerPaths, console: ConsoleLog, services: ActorServices) {
    this.#spec = spec;
    this.paths = paths;
    this.console = console;
    this.#services = services;
    this.#log = services.log.child({ serverId: spec.id });
    this.#status = services.journal.status(spec.id) ?? firstStatus(spec.id, Date.now());
    this.#timers = new PhaseTimers(console, {
      ready: () => void this.post({ type: "ready" }),
      deadline: (name) => this.#onDeadline(name),
    });
    this.#limits = new LimitsFollower({
      present: () => {
        const { runId, runFields: given } = this.#status;
        return this.#isClosed ? null : { runId, runFields: given, isUp: this.#isUp(this.#status), spec: this.#spec };
      },
      updateLimits: (limited) => services.runtime.updateLimits(limited),
      inTurn: (step) => this.#inTurn(step),
      commit: async (given) => {
        this.#status = this.#withPending({ ...this.#status, runFields: given });
        await services.journal.commit({ status: this.#status });
      },
    });
  }

  get spec(): ServerSpec {
    return this.#spec;
  }

  get status(): ServerStatus {
    return this.#status;
  }

  /** Carries a power command out, or gives the answer that the same id got before. */
  command(action: PowerAction, commandId: string, issuedAt: number): Promise<CommandAnswer> {
    return this.#inTurn(async () => {
      const remembered = this.#services.journal.answer(commandId);
      if (remembered) return remembered;
      return this.#ask({ type: "command", action, issuedAt }, commandId);
    });
  }

  /** Takes a new spec; the limits of a running server follow it where the runtime can do that. */
  async applySpec(spec: ServerSpec): Promise<void> {
    const before = this.#spec;
    await this.#inTurn(async () => {
      this.#spec = spec;
      await this.#step({ type: "spec" });
    });
    if (spec.diskMb !== before.diskMb) this.#try("resize the disk", () => this.#settleDisk());
  }

  /** Ends an install that is under way; the server is then in `error` with that reason. */
  cancelInstall(): Promise<CommandAnswer> {
    return this.#inTurn(() => this.#ask({ type: "cancel_install" }));
  }

  post(input: PowerInput): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#isClosed) await this.#step(input);
    });
  }

  /** An exit that the runtime reports. */
  exited(runId: string, exit: ExitStatus): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) return;
      if (this.#status.isLaunching) this.#earlyExits.set(runId, exit);
      else await this.#step({ type: "exited", runId, exit });
    });
  }

  /**
   * After the start of the agent: compares what was written down with what the runtime says, and goes on from there.
   *
   * @param found null when the runtime knows nothing of this server.
   */
  recover(found: RuntimeStatus | null): Promise<void> {
    return this.#inTurn(async () => {
      await this.#recoverRun(found);
      await this.#step({ type: "spec" });
      this.#arm();
      if (isAtRest(this.#status)) this.#try("resize the disk", () => this.#settleDisk());
    });
  }

  /**
   * Ends the server and forgets it; its folders are the caller's to delete. May be repeated.
   *
   * @throws Error when it is still being launched or installed, which must not come true after the removal.
   */
  async remove(): Promise<void> {
    await this.close();
    const { runtime } = this.#services;
    runtime.cancelPull(this.#spec.id);
    await runtime.kill(this.#spec.id);
    const rest = Promise.all(this.#working).then(() => true);
    const isAtRest = await Promise.race([rest, delay(REMOVE_PATIENCE_MS, false, { ref: false })]);
    if (!isAtRest) throw new Error("the server is still being started; it is removed after that");
    await runtime.remove(this.#spec.id);
    await this.#services.journal.remove(this.#spec.id);
  }

  /** Lets go of everything; the game itself goes on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timers.clear();
    this.#install?.abort.abort();
    await this.#mailbox;
    await this.console.close();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#mailbox.then(step);
    this.#mailbox = turn.catch((error) => this.#log.error({ err: error }, "a step failed"));
    return turn;
  }

  /** A step that somebody waits for the answer of. */
  async #ask(input: PowerInput, commandId?: string): Promise<CommandAnswer> {
    const answer = await this.#step(input, commandId);
    return answer ?? { ok: false, code: "INTERNAL", error: "The command got no answer." };
  }

  async #step(input: PowerInput, commandId?: string): Promise<CommandAnswer | undefined> {
    const before = this.#status;
    const decided = transition(before, factsOf(this.#spec), input, Date.now());
    const { effects, answer, crash } = decided;
    const status = this.#withPending(decided.status);
    const told = crash && { id: randomUUID(), ...crash, lastLines: await this.#lastLines(before.readyFrom) };
    this.#status = status;
    if (JSON.stringify(status) !== JSON.stringify(before) || (answer?.ok && commandId) || input.type === "spec") {
      const command = answer?.ok && commandId ? { id: commandId, answer } : undefined;
      await this.#services.journal.commit({ status, ...(command && { command }), ...(told && { crash: told }) });
    }
    if (status.state !== before.state) {
      this.#log.info({ from: before.state, to: status.state, reason: status.reason }, "state");
    }
    // Two states may be entered within one millisecond.
    const hasNewDeadline =
      status.state !== before.state || status.enteredAt !== before.enteredAt || status.restartAt !== before.restartAt;
    const isCut = status.stopAskedAt !== before.stopAskedAt && status.state === "installing";
    if (hasNewDeadline || isCut || status.isLaunching !== before.isLaunching) this.#arm();
    for (const effect of effects) this.#act(effect);
    this.#followLimits();
    // What waited for the end of the run.
    if (status.state !== before.state && isAtRest(this.#status)) this.#try("resize the disk", () => this.#settleDisk());
    return answer;
  }

  /** Whether its process runs with what `runFields` says. */
  #isUp = ({ state, isLaunching }: ServerStatus) => (state === "running" || state === "starting") && !isLaunching;

  #withPending(status: ServerStatus): ServerStatus {
    const pendingRestart = this.#isUp(status) ? pendingChanges(status.runFields, this.#spec, this.#limits.kept) : [];
    return { ...status, pendingRestart };
  }

  #followLimits(): void {
    const following = this.#limits.follow();
    if (following) this.#try("update limits", () => following);
  }

  /** A crash is told even when its console cannot be read. */
  async #lastLines(from: number): Promise<string> {
    try {
      return await readLastLines(this.console, from);
    } catch (error) {
      this.#log.warn({ err: error }, "the last lines of a crash cannot be read");
      return "";
    }
  }

  #onDeadline(name: DeadlineName): void {
    const runId = this.#runToEnd();
    if (name === "terminate") {
      if (runId) this.#try("terminate", () => this.#services.runtime.signal(this.#spec.id, "SIGTERM", runId));
    } else if (name === "kill") {
      if (runId) this.#try("kill", () => this.#killAndLook());
    } else if (name === "install_overdue") {
      const { installGeneration: generation, installTimeoutSeconds } = this.#spec;
      const isCut = this.#status.stopAskedAt !== null;
      if (!isCut) this.#install?.abort.abort(INSTALL_OVERDUE);
      const reason = isCut ? CANCELLED_WORDS : overdueWords(installTimeoutSeconds);
      void this.post({ type: name, generation, reason });
    } else {
      void this.post({ type: name });
    }
  }

  #arm(): void {
    if (!this.#isClosed) this.#timers.arm(this.#status, this.#spec);
  }

  async #settleDisk(): Promise<void> {
    if (!this.#isClosed) await this.#services.disks.settle(this.#spec, this.paths, isAtRest(this.#status));
  }

  #act(effect: Effect): void {
    if (this.#isClosed) return;
    if (effect === "launch") this.#launching = this.#begin("launch", this.#launching, (own) => this.#launch(own));
    else if (effect === "install")
      this.#install = this.#begin("install", this.#install, (own) => this.#runInstall(own));
    else if (effect === "abort_install") this.#abortInstall();
    else if (effect === "abort_launch") this.#abortLaunch();
    else if (effect === "kill") this.#try("kill", () => this.#killAndLook());
    else this.#try("ask to stop", () => this.#askToStop());
  }

  /** What a suspension or maintenance cuts short is done as asked for when that is over; nobody took it back. */
  #abortInstall(): void {
    const { suspended, held } = this.#spec;
    this.#install?.abort.abort(suspended || held ? undefined : INSTALL_CANCELLED);
  }

  /** Nobody wants the start any more, nor the image that may be fetched for it. */
  #abortLaunch(): void {
    this.#launching?.abort.abort();
    this.#services.runtime.cancelPull(this.#spec.id);
  }

  /** Effects never throw into the mailbox: what they could not do is logged, and the deadlines stand behind them. */
  #try(what: string, work: () => Promise<void>): void {
    const working = work()
      .catch((error) => this.#log.error({ err: error }, `could not ${what}`))
      .finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  /** Begins work of which there is one at a time, when the one before is done. */
  #begin(what: string, before: Work | null, run: (own: Work) => Promise<void>): Work {
    const done = Promise.withResolvers<void>();
    const own: Work = { abort: new AbortController(), done: done.promise };
    this.#try(what, async () => {
      await before?.done;
      await run(own).finally(() => done.resolve());
    });
    return own;
  }

  async #launch(own: Work): Promise<void> {
    const { bootIdentity, journal, runtime } = this.#services;
    // Nobody waits for it any more, be it that it was given up while it waited.
    if (this.#launching !== own || this.#isClosed || !this.#status.isLaunching) return;
    if (own.abort.signal.aborted) return this.post({ type: "launch_failed", reason: "The start was called off." });
    const readyFrom = (await this.console.bounds()).latest;
    const spec = this.#spec;
    await this.#inTurn(async () => {
      this.#limits.beginRun();
      this.#status = { ...this.#status, readyFrom, runFields: runFields(spec), runSpecVersion: spec.version };
      await journal.commit({ status: this.#status });
    });
    const outcome = await launchServer(spec, this.paths, this.#services, own.abort.signal);
    if (this.#launching !== own) {
      if (outcome.ok) await runtime.kill(spec.id, outcome.status.runId);
      return;
    }
    if (!outcome.ok) {
      const { reason, isNodeFault } = outcome;
      return this.post({ type: "launch_failed", reason, isNodeFault });
    }
    const { runId, startedAt } = outcome.status;
    await this.post({ type: "launched", runId, startedAt: startedAt ?? Date.now(), bootIdentity });
    const exit = this.#earlyExits.get(runId);
    this.#earlyExits.clear();
    if (exit) await this.exited(runId, exit);
  }

  async #runInstall(own: Work): Promise<void> {
    if (this.#install !== own || this.#isClosed || this.#status.state !== "installing") return;
    const generation = this.#spec.installGeneration;
    const reason = await installServer(this.#spec, this.paths, this.#services, own.abort.signal);
    // Ended because the agent ends: it is run anew when the agent is back.
    if (this.#isClosed || this.#install !== own) return;
    if (reason === null) await this.post({ type: "installed", generation });
    else await this.post({ type: "install_failed", generation, reason });
  }

  /** The run that is to be ended; undefined when it has no name yet, or when whatever is left is meant. */
  #runToEnd(): string | undefined {
    const { state, isLaunching, isLingering, runId } = this.#status;
    return isLingering || (state === "stopping" && !isLaunching) ? (runId ?? undefined) : undefined;
  }

  /** What became known of the ending of a run says nothing of the next one. */
  #postOf(runId: string | undefined, input: PowerInput): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#isClosed && this.#runToEnd() === runId) await this.#step(input);
    });
  }

  async #askToStop(): Promise<void> {
    const runId = this.#runToEnd();
    await askToStop(this.#spec, this.paths, runId, this.#services);
    await this.#postOf(runId, { type: "stop_asked" });
  }

  async #killAndLook(): Promise<void> {
    const { runtime } = this.#services;
    const runId = this.#runToEnd();
    await runtime.kill(this.#spec.id, runId);
    // What is being launched reports itself, and is killed then.
    if (this.#status.isLaunching) return;
    // The exit comes by the runtime's report; where there was nothing to kill, nothing would ever come.
    const found = await runtime.inspect(this.#spec.id);
    const isMeant = runId === undefined || found?.runId === runId;
    if (found?.isRunning && isMeant) return;
    if (found?.exit && isMeant) await this.exited(found.runId, found.exit);
    else await this.#postOf(runId, { type: "lost", hasNodeRebooted: false });
  }

  /** Carries out what `recoverRun` decides. */
  async #recoverRun(found: RuntimeStatus | null): Promise<void> {
    const { bootIdentity, journal } = this.#services;
    const { installGeneration } = this.#spec;
    for (const step of recoverRun(this.#status, found, { bootIdentity, installGeneration, now: Date.now() })) {
      if (step.type === "input") await this.#step(step.input);
      else if (step.type === "effect") this.#act(step.effect);
      else {
        this.#status = { ...this.#status, ...step.run, runFields: null };
        await journal.commit({ status: this.#status });
      }
    }
  }
}
