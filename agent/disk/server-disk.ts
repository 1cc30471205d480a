/**
 * The disk of one server: decides what kind of limit it has, follows the spec's size as far as the moment allows, and
 * says what is still to come. One thing at a time; a start never waits for files to be copied.
 */
import { readdir } from "node:fs/promises";
import type { DiskState } from "../../protocol/frames/shared.ts";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { Log } from "../log.ts";
import { RuntimeError, type ServerPaths } from "../runtime/container-runtime.ts";
import type { DiskUsage } from "../stats/disk-usage.ts";
import { diskStateWords, nextDiskState } from "./disk-state.ts";
import type { HardLimit, DiskMeasure as Measured, RemakeOutcome } from "./hard-limit.ts";

const MB = 1024 * 1024;

export interface DiskReading {
  usedBytes: number;
  /** The limit in force, which may differ from the spec's while `notice` says why. */
  limitBytes: number;
  kind: "hard" | "soft";
  state: DiskState;
  /** What the owner should know of this disk, or null. */
  notice: string | null;
}

export interface ServerDiskServices {
  /** How hard limits are made; used for every server that has one already. */
  hard: HardLimit;
  /** Why no new hard limit can be made on this node; null when it can. */
  softReason: string | null;
  folders: DiskUsage;
  log: Log;
}

const REMAKE_WORDS: Record<Exclude<RemakeOutcome, "done">, string> = {
  aborted: "waits until it is stopped for longer",
  changed: "waits until it is stopped again, because files were changed meanwhile",
  busy: "waits until it is stopped again, because its files were in use",
  does_not_fit: "is too small for the files that are there",
  no_room_on_node: "needs more free disk space on the node, where its files are copied for it",
};

const FROM_BEFORE = "This server's files were there before hard limits: they get one when it is stopped.";

/** What the data folder is wanted for. */
export type Purpose = "start" | "install";

type Wish = Pick<ServerSpec, "id" | "diskMb">;

export class ServerDisk {
  readonly #paths: ServerPaths;
  readonly #services: ServerDiskServices;
  readonly #log: Log;
  #turn: Promise<unknown> = Promise.resolve();
  /** What copies files in the background. */
  #remaking: AbortController | null = null;
  #kind: "hard" | "soft" = "soft";
  #state: DiskState = "ok";
  #notice: string | null = null;
  #last: Measured | null = null;

  constructor(paths: ServerPaths, services: ServerDiskServices) {
    this.#paths = paths;
    this.#services = services;
    this.#log = services.log;
  }

  /**
   * Brings the disk as near to `wish` as it can be now. What cannot be is told by `read`, never thrown.
   *
   * @param isAtRest nothing of this server runs: files may be copied, in the background.
   */
  async settle(wish: Wish, isAtRest: boolean): Promise<void> {
    this.#remaking?.abort();
    await this.#inTurn(async () => {
      try {
        const isRemakeDue = await this.#follow(wish, isAtRest);
        if (isRemakeDue) this.#remakeLater(wish);
      } catch (error) {
        this.#log.error({ err: error, serverId: wish.id }, "a server's disk is not ready");
        this.#notice = error instanceof RuntimeError ? error.message : "This server's disk is not ready.";
      }
    });
  }

  /**
   * Makes the data folder ready for a start or an install.
   *
   * @throws RuntimeError why it must not be used, in words for the owner.
   */
  async prepare(wish: Wish, purpose: Purpose): Promise<void> {
    this.#remaking?.abort();
    await this.#inTurn(async () => {
      await this.#follow(wish, true);
      if (this.#kind === "soft" && purpose === "start") await this.#refuseOverLimit(wish);
    });
  }

  async read(wish: Wish): Promise<DiskReading & { change: string | null }> {
    const measured = this.#kind === "hard" ? await this.#readHard() : await this.#readSoft(wish);
    const before = this.#state;
    if (measured) this.#state = nextDiskState(before, measured.share);
    this.#last = measured ?? this.#last;
    const { usedBytes, limitBytes } = this.#last ?? { usedBytes: 0, limitBytes: wish.diskMb * MB };
    const told = { usedBytes, limitBytes, kind: this.#kind };
    return {
      ...told,
      state: this.#state,
      notice: this.#notice,
      change: diskStateWords(before, this.#state, told),
    };
  }

  /** Lets go of the folder for its removal. */
  async release(): Promise<void> {
    this.#remaking?.abort();
    await this.#inTurn(() => this.#services.hard.release(this.#paths));
    this.#services.folders.forget(this.#paths.data);
  }

  /** Resolves when nothing runs in the background any more. */
  async whenSettled(): Promise<void> {
    await this.#turn;
  }

  /** Ends what runs in the background; mounts stay. */
  async close(): Promise<void> {
    this.#remaking?.abort();
    await this.whenSettled();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** @returns whether files have to be copied to get further. What is told meanwhile is what was true before. */
  async #follow(wish: Wish, isAtRest: boolean): Promise<boolean> {
    const { notice, needsCopy } = await this.#bringNear(wish, isAtRest);
    this.#notice = notice;
    return needsCopy && isAtRest;
  }

  async #bringNear(wish: Wish, isAtRest: boolean): Promise<{ notice: string | null; needsCopy: boolean }> {
    const { hard, softReason } = this.#services;
    const paths = this.#paths;
    const wantedBytes = wish.diskMb * MB;
    await hard.tidy(paths);
    if (!(await hard.isMade(paths))) {
      this.#kind = "soft";
      if (softReason !== null) return { notice: softReason, needsCopy: false };
      const isEmpty = (await readdir(paths.data).catch(() => [])).length === 0;
      if (!isAtRest || !isEmpty) return { notice: FROM_BEFORE, needsCopy: true };
      await hard.make(paths, wantedBytes);
    }
    this.#kind = "hard";
    await hard.attach(paths, isAtRest);
    const limitBytes = (await hard.limitBytes(paths)) ?? wantedBytes;
    if (wantedBytes < limitBytes) {
      return { notice: this.#sizeNotice(wish, "waits until it is stopped"), needsCopy: true };
    }
    return { notice: await this.#grow(wish, isAtRest), needsCopy: false };
  }

  /**
   * A disk that cannot grow goes on being used as it is.
   *
   * @returns what there is to tell of it.
   */
  async #grow(wish: Wish, isAtRest: boolean): Promise<string | null> {
    const { hard } = this.#services;
    try {
      if (await hard.grow(this.#paths, wish.diskMb * MB, isAtRest)) return null;
      return this.#sizeNotice(wish, "waits until it is stopped or restarted");
    } catch (error) {
      if ((await hard.measure(this.#paths)) === null) throw error;
      this.#log.error({ err: error, serverId: wish.id }, "a server's disk could not grow");
      const reason = error instanceof RuntimeError ? error.message : "The node's log says why.";
      return this.#sizeNotice(wish, `could not be set. ${reason.replace(/\.$/, "")}`);
    }
  }

  #sizeNotice(wish: Wish, what: string): string {
    return `The new size of this server's disk, ${wish.diskMb} MiB, ${what}.`;
  }

  #remakeLater(wish: Wish): void {
    const abort = new AbortController();
    this.#remaking = abort;
    void this.#inTurn(async () => {
      try {
        if (!abort.signal.aborted) await this.#remake(wish, abort.signal);
      } catch (error) {
        this.#log.error({ err: error, serverId: wish.id }, "a server's files could not be copied to their new disk");
        this.#notice = error instanceof RuntimeError ? error.message : this.#sizeNotice(wish, "could not be set");
      } finally {
        if (this.#remaking === abort) this.#remaking = null;
      }
    });
  }

  async #remake(wish: Wish, abort: AbortSignal): Promise<void> {
    const { hard } = this.#services;
    const isNew = !(await hard.isMade(this.#paths));
    this.#log.info({ serverId: wish.id, diskMb: wish.diskMb, isNew }, "copying a server's files to their new disk");
    const outcome = await hard.remake(this.#paths, wish.diskMb * MB, abort);
    this.#log.info({ serverId: wish.id, outcome }, "a server's files and their new disk");
    if (outcome === "done") {
      this.#kind = "hard";
      this.#notice = null;
      return;
    }
    this.#notice = isNew
      ? `This server's files have no hard limit yet: their disk of ${wish.diskMb} MiB ${REMAKE_WORDS[outcome]}.`
      : this.#sizeNotice(wish, REMAKE_WORDS[outcome]);
  }

  /** Null while it is not mounted: its notice says why. */
  #readHard(): Promise<Measured | null> {
    return this.#services.hard.measure(this.#paths).catch(() => null);
  }

  async #readSoft(wish: Wish): Promise<Measured> {
    const limitBytes = wish.diskMb * MB;
    const usedBytes = await this.#services.folders.of(this.#paths.data);
    return { usedBytes, limitBytes, share: usedBytes / limitBytes };
  }

  async #refuseOverLimit(wish: Wish): Promise<void> {
    const { folders } = this.#services;
    folders.forget(this.#paths.data);
    const usedMb = (await folders.of(this.#paths.data)) / MB;
    if (usedMb <= wish.diskMb) return;
    throw new RuntimeError(
      `This server uses ${Math.ceil(usedMb)} MiB of disk and may use ${wish.diskMb} MiB: delete files or raise the limit, then start it.`,
    );
  }
}
