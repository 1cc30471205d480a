/**
 * Replaces the agent by another build: fetched, verified, tried for the least it must do, put on trial, and then this
 * process ends so that its supervisor starts the launcher. Whatever fails before that leaves the agent as it was.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { UpdateReply } from "../../protocol/agent-update.ts";
import { type AgentBuild, buildName, UPDATE_REASON_MAX, type UpdateFailure } from "../../protocol/agent-update.ts";
import type { Log } from "../log.ts";
import { OperationError } from "../operations/operation-error.ts";
import { asUpdateError, fetchBundle, isProtected, UpdateError } from "./fetch-bundle.ts";
import type { UpdateHome } from "./update-home.ts";

const run = promisify(execFile);
const FIRST_WORDS_DEADLINE_MS = 30_000;
/** A build that falls over what the panel tells it does so within moments of being welcomed: so long it has to live. */
const STEADY_MS = 2_000;

export interface UpdaterOptions {
  home: UpdateHome | null;
  /** Whether something starts the agent again when it ends. */
  isSupervised: boolean;
  panelUrl: URL;
  /** The build that runs, or null for sources. */
  present: AgentBuild | null;
  log: Log;
  /** The next build is on trial: this process is to end in order. */
  onStaged(): void;
  onFailure(): void;
}

export class Updater {
  readonly #options: UpdaterOptions;
  #isUnderWay: boolean;
  /** Kept in memory too: a full disk cannot take the note. */
  #failure: UpdateFailure | null = null;
  #steady: NodeJS.Timeout | null = null;

  constructor(options: UpdaterOptions) {
    this.#options = options;
    // A trial is an update that is not over.
    this.#isUnderWay = options.home?.isTrial ?? false;
  }

  /**
   * Begins to become `build`; what becomes of it shows later.
   *
   * @throws OperationError CONFLICT when this agent cannot replace itself, or is doing so.
   */
  begin(updateId: string, build: AgentBuild): UpdateReply {
    const { home, isSupervised, panelUrl, present } = this.#options;
    if (present?.sha256 === build.sha256) return { state: "current" };
    if (!home || !isSupervised || !present) {
      throw new OperationError(
        "CONFLICT",
        "This agent cannot update itself: it was not started by its launcher as a service. Run the command that connects the node again.",
      );
    }
    if (!isProtected(panelUrl)) {
      throw new OperationError(
        "CONFLICT",
        "This node reaches its panel over plain http, where anybody on the way could send another agent. Use https, or run the command that connects the node again.",
      );
    }
    if (this.#isUnderWay) throw new OperationError("CONFLICT", "An update of this agent is under way.");
    this.#isUnderWay = true;
    void this.#perform(home, updateId, build);
    return { state: "started" };
  }

  /** Called once the panel welcomed this agent. */
  welcomed(): void {
    const { home } = this.#options;
    if (home?.isTrial) this.#steady = setTimeout(() => void this.#confirm(home), STEADY_MS);
  }

  close(): void {
    if (this.#steady) clearTimeout(this.#steady);
  }

  async #confirm(home: UpdateHome): Promise<void> {
    const { log, present } = this.#options;
    try {
      const isConfirmed = await home.confirm();
      if (isConfirmed) log.info({ build: present && buildName(present) }, "the update is confirmed");
      else log.warn("the update was given up before it was confirmed");
    } catch (error) {
      // The launcher does the rest at the next start, or gives the trial up.
      log.error({ err: error }, "the update cannot be confirmed");
    }
    this.#isUnderWay = false;
  }

  /** The failure that the panel was not told yet. */
  async failure(): Promise<UpdateFailure | null> {
    const { home } = this.#options;
    // A trial that is not decided has not failed.
    return this.#failure ?? (home && !home.isTrial ? await home.failure() : null);
  }

  async failureTold(): Promise<void> {
    this.#failure = null;
    await this.#options.home?.forgetFailure();
  }

  async #perform(home: UpdateHome, updateId: string, build: AgentBuild): Promise<void> {
    const { log, panelUrl, onStaged, onFailure } = this.#options;
    log.info({ build: buildName(build) }, "updating the agent");
    try {
      await home.clear();
      await fetchBundle(panelUrl, build.sha256, home.download);
      await this.#hearFirstWords(home.download, build);
      await home.stage(updateId);
    } catch (error) {
      log.error({ err: error }, "the update failed; the agent stays as it is");
      const known = asUpdateError(error);
      const reason = known instanceof UpdateError ? known.message : "The node could not do this; its log says why.";
      this.#failure = { updateId, reason: reason.slice(0, UPDATE_REASON_MAX) };
      await home.clear().catch(() => {});
      await home.noteFailure(this.#failure).catch(() => {});
      this.#isUnderWay = false;
      onFailure();
      return;
    }
    onStaged();
  }

  /** A build that cannot even say its name here, on this Node.js, is not worth an interruption. */
  async #hearFirstWords(file: string, build: AgentBuild): Promise<void> {
    let words: string;
    try {
      const { stdout } = await run(process.execPath, [file, "version"], { timeout: FIRST_WORDS_DEADLINE_MS });
      words = stdout.trim();
    } catch {
      throw new UpdateError("The new agent does not start on this node.");
    }
    if (words !== buildName(build)) throw new UpdateError("The new agent is another version than the panel says.");
  }
}
