/** The folder that the launcher and the agent share; `launcher/catalyst-agent.sh` says what each file means. */
import { link, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { UpdateFailure } from "../../protocol/agent-update.ts";
import { UPDATE_REASON_MAX } from "../../protocol/agent-update.ts";
import { correlationIdSchema } from "../../protocol/ids.ts";
import { syncFolder, writeFileAtomic } from "../records/atomic-file.ts";

const FAILED = /^update-failed\.([a-z]+)$/;

/** Causes that the launcher writes; anything else carries its own reason. */
const REASONS: Record<string, string> = {
  starts: "The new agent ended again and again before it reached the panel. The one before runs again.",
  deadline: "The new agent did not reach the panel in time. The one before runs again.",
  disk: "The node's disk is full. The agent is the one it was.",
  lost: "The new agent's file was lost. The agent is the one it was.",
};

const recordSchema = z.object({ updateId: correlationIdSchema, reason: z.string().max(UPDATE_REASON_MAX).optional() });

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";

export class UpdateHome {
  readonly folder: string;
  /** Whether the agent that runs here is itself on trial. */
  readonly isTrial: boolean;

  constructor(folder: string, isTrial: boolean) {
    this.folder = folder;
    this.isTrial = isTrial;
  }

  /** Null when the agent was not started by its launcher: then nothing could start another build. */
  static of(environment: NodeJS.ProcessEnv): UpdateHome | null {
    const { CATALYST_AGENT_HOME: folder, CATALYST_AGENT_TRIAL: trial } = environment;
    return folder ? new UpdateHome(folder, trial === "1") : null;
  }

  /** Where a download is written until it is known to be whole. */
  get download(): string {
    return join(this.folder, "catalyst-agent.part.mjs");
  }

  /** Removes what an earlier update left behind. Its failure is nobody's news any more. */
  async clear(): Promise<void> {
    await rm(this.#file("update-trial"), { force: true });
    await this.forgetFailure();
    for (const name of ["catalyst-agent.next.mjs", "catalyst-agent.part.mjs", "update-starts"]) {
      await rm(this.#file(name), { force: true });
    }
  }

  /** Puts the download on trial: from here on each start is of it, until the trial is decided. */
  async stage(updateId: string): Promise<void> {
    await rename(this.download, this.#file("catalyst-agent.next.mjs"));
    await syncFolder(this.folder);
    await writeFileAtomic(this.#file("update-trial"), JSON.stringify({ updateId }));
  }

  /**
   * This agent reached its panel: makes it the one that is started from now on. Cut short at any point, the launcher
   * does the rest.
   *
   * @returns false when the launcher decided against it before.
   */
  async confirm(): Promise<boolean> {
    try {
      await rename(this.#file("update-trial"), this.#file("update-confirmed"));
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    await syncFolder(this.folder);
    const current = this.#file("catalyst-agent.mjs");
    const previous = this.#file("catalyst-agent.previous.mjs");
    await rm(previous, { force: true });
    await link(current, previous);
    await rename(this.#file("catalyst-agent.next.mjs"), current);
    await syncFolder(this.folder);
    await rm(this.#file("update-starts"), { force: true });
    await rm(this.#file("update-confirmed"), { force: true });
    return true;
  }

  /** Notes that an update came to nothing, for the report. */
  async noteFailure(failure: UpdateFailure): Promise<void> {
    await writeFileAtomic(this.#file("update-failed.noted"), JSON.stringify(failure));
  }

  /** The failure that the panel was not told yet, or null. */
  async failure(): Promise<UpdateFailure | null> {
    for (const name of await this.#failed()) {
      const cause = FAILED.exec(name)![1]!;
      const record = await this.#record(name);
      const reason = record?.reason ?? REASONS[cause];
      if (record && reason) return { updateId: record.updateId, reason };
    }
    return null;
  }

  async forgetFailure(): Promise<void> {
    for (const name of await this.#failed()) await rm(this.#file(name), { force: true });
  }

  async #failed(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => FAILED.test(name));
  }

  async #record(name: string): Promise<z.infer<typeof recordSchema> | null> {
    try {
      return recordSchema.parse(JSON.parse(await readFile(this.#file(name), "utf8")));
    } catch {
      return null;
    }
  }

  #file(name: string): string {
    return join(this.folder, name);
  }
}
