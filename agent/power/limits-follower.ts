/** Gives a running server the limits of its spec, where the runtime can change them live. */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { KeptLimit } from "../runtime/container-runtime.ts";
import { hasLiveChanges, type RunFields, withLimitsOf } from "./run-fields.ts";

/** The present run, and the spec that it is to follow. */
export interface LimitedRun {
  runId: string | null;
  /** What the run was given so far; null when nobody remembers. */
  runFields: RunFields | null;
  /** Its process runs with what `runFields` says. */
  isUp: boolean;
  spec: ServerSpec;
}

/** The server whose limits are followed. */
export interface LimitedServer {
  /** Null once the agent has let go of the server. */
  present(): LimitedRun | null;
  updateLimits(spec: ServerSpec): Promise<readonly KeptLimit[]>;
  /** Runs when nothing else decides about the server. */
  inTurn(step: () => Promise<void>): Promise<void>;
  /** Writes down what the run has now; called in turn. */
  commit(runFields: RunFields): Promise<void>;
}

export class LimitsFollower {
  readonly #server: LimitedServer;
  #kept: readonly KeptLimit[] = [];
  #tried: { runId: string | null; spec: ServerSpec } | null = null;
  #update: Promise<void> = Promise.resolve();

  constructor(server: LimitedServer) {
    this.#server = server;
  }

  /** Limits that the present run could not be given. */
  get kept(): readonly KeptLimit[] {
    return this.#kept;
  }

  /** A new run begins with every limit of its spec. */
  beginRun(): void {
    this.#kept = [];
  }

  /**
   * Gives the run what it lacks, one time after the other.
   *
   * @returns null when there is nothing to do; else a promise that rejects when the runtime could not be asked.
   */
  follow(): Promise<void> | null {
    if (!this.#runToFollow()) return null;
    const turn = this.#update.then(() => this.#updateOnce());
    this.#update = turn.catch(() => {});
    return turn;
  }

  async #updateOnce(): Promise<void> {
    // The one before may have done it, or the server may have ended.
    const run = this.#runToFollow();
    if (!run) return;
    const { runId, spec } = run;
    const kept = await this.#server.updateLimits(spec);
    await this.#server.inTurn(async () => {
      const present = this.#server.present();
      if (!present || present.runId !== runId || present.runFields === null) return;
      this.#kept = kept;
      this.#tried = { runId, spec };
      await this.#server.commit(withLimitsOf(present.runFields, spec, kept));
    });
  }

  /** Limits that the run could not be given are not tried again until they are changed once more. */
  #runToFollow(): LimitedRun | null {
    const run = this.#server.present();
    if (!run?.isUp || !hasLiveChanges(run.runFields, run.spec)) return null;
    return this.#tried?.runId !== run.runId || this.#tried.spec !== run.spec ? run : null;
  }
}
