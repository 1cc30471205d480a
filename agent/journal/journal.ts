/**
 * The agent's memory: the status of every server, the state events that the hub has not acknowledged, and the answers
 * to recent commands. One entry changes all that belongs together, so that a death at any moment leaves either the
 * whole step or none of it: an event is never lost, never told twice under two numbers, and a command that was
 * answered is never carried out again.
 *
 * When the disk refuses a write the agent goes on (a server must be stoppable on a full disk) from memory, and the
 * next write that succeeds takes everything along.
 *
 * Each run of the agent numbers its events from its own start time on. An event of an earlier run that the hub got and
 * the disk never did has a number too, and no other event may get it: the hub would take it for a repetition.
 */
import { join } from "node:path";
import { z } from "zod";
import { type Crash, type ServerStateEvent, serverStateEventSchema } from "../../protocol/frames/shared.ts";
import { COMMAND_MEMORY } from "../../protocol/limits.ts";
import type { Log } from "../log.ts";
import { publicStatus, type ServerStatus, serverStatusSchema } from "../power/server-status.ts";
import type { CommandAnswer } from "../power/transitions.ts";
import { LineFile } from "./line-file.ts";

/** Events kept for a hub that stays away; past it the oldest are given up, about 8 MiB. */
const EVENTS_MAX = 20_000;
/** Characters of console text kept with the crashes among them. */
const CRASH_TEXT_KEPT_MAX = 4 * 1024 * 1024;
/** The file is written anew when it is larger than this and several times what is still worth keeping. */
const COMPACT_MIN_BYTES = 256 * 1024;
const COMPACT_FACTOR = 4;
const REPAIR_INTERVAL_MS = 5_000;
/** Numbers to a millisecond of the clock that a run begins at: no agent makes events faster than that. */
const SEQS_PER_MS = 1_000;

const entrySchema = z.discriminatedUnion("entry", [
  z.object({ entry: z.literal("begin"), lastSeq: z.number().int(), forgottenSeq: z.number().int() }),
  z.object({
    entry: z.literal("commit"),
    status: serverStatusSchema.optional(),
    event: serverStateEventSchema.optional(),
    command: z
      .object({ id: z.string(), answer: z.custom<CommandAnswer>((value) => typeof value === "object") })
      .optional(),
  }),
  z.object({ entry: z.literal("acknowledged"), seq: z.number().int() }),
  z.object({ entry: z.literal("removed"), serverId: z.string() }),
]);
type Entry = z.infer<typeof entrySchema>;

export interface Commit {
  status: ServerStatus;
  command?: { id: string; answer: CommandAnswer };
  /** Told with the event of this step. */
  crash?: Crash;
}

export class Journal {
  readonly #lines: LineFile;
  readonly #log: Log;
  readonly #statuses = new Map<string, ServerStatus>();
  readonly #answers = new Map<string, CommandAnswer>();
  #events: ServerStateEvent[] = [];
  /** In the order of their numbers. */
  readonly #untold: { event: ServerStateEvent; isWritten: boolean }[] = [];
  #lastSeq = 0;
  #forgottenSeq = 0;
  /** Numbers from the one after `#foundSeq` up to `#startSeq` may be those of events that never reached the disk. */
  #foundSeq = 0;
  #startSeq = 0;
  #compactedBytes = 0;
  #isBehind = false;
  #repair: NodeJS.Timeout | null = null;
  /** Called with each event once it is on the disk, in the order of their numbers. */
  onEvent: (event: ServerStateEvent) => void = () => {};

  private constructor(folder: string, log: Log) {
    this.#lines = new LineFile(join(folder, "journal"));
    this.#log = log;
  }

  static async open(folder: string, log: Log, now: () => number = Date.now): Promise<Journal> {
    const journal = new Journal(folder, log);
    const { values, damagedCount, sizeBytes } = await journal.#lines.load();
    let strangeCount = 0;
    for (const value of values) {
      const entry = entrySchema.safeParse(value);
      if (entry.success) journal.#take(entry.data);
      else strangeCount++;
    }
    if (damagedCount + strangeCount > 0) log.error({ damagedCount, strangeCount }, "entries of the journal are lost");
    journal.#compactedBytes = sizeBytes;
    journal.#foundSeq = journal.#lastSeq;
    // A clock that went back costs the jump, nothing else.
    journal.#lastSeq = Math.max(journal.#lastSeq, now() * SEQS_PER_MS);
    journal.#startSeq = journal.#lastSeq;
    return journal;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Events up to here are with the hub, and forgotten here. */
  get forgottenSeq(): number {
    return this.#forgottenSeq;
  }

  /** Events that the hub has not confirmed. */
  get unacknowledgedCount(): number {
    return this.#events.length;
  }

  /**
   * Whether a hub that has the events up to `hubSeq` was told by this journal. If not (an earlier run told it what the
   * disk never got, or one of both was restored from a copy), it may believe anything: `restate` tells it all.
   */
  knows(hubSeq: number): boolean {
    const wasLost = hubSeq > this.#foundSeq && hubSeq <= this.#startSeq;
    return hubSeq >= this.#forgottenSeq && hubSeq <= this.#lastSeq && !wasLost;
  }

  status(serverId: string): ServerStatus | null {
    return this.#statuses.get(serverId) ?? null;
  }

  serverIds(): string[] {
    return [...this.#statuses.keys()];
  }

  answer(commandId: string): CommandAnswer | null {
    return this.#answers.get(commandId) ?? null;
  }

  /** Events after `seq`, in order. */
  eventsAfter(seq: number): ServerStateEvent[] {
    return this.#events.filter((event) => event.seq > seq);
  }

  /** Remembers a step; an event is made of it when the control plane has to know. Resolves when it is on the disk. */
  async commit({ status, command, crash }: Commit): Promise<void> {
    const before = this.#statuses.get(status.serverId);
    const isNews =
      crash !== undefined || !before || JSON.stringify(publicStatus(before)) !== JSON.stringify(publicStatus(status));
    const event = isNews ? this.#eventOf(status, crash) : undefined;
    const entry: Entry = { entry: "commit", status, ...(event && { event }), ...(command && { command }) };
    await (event ? this.#tell(entry, event) : this.#write(entry));
  }

  /** Tells the status of every server anew, to a hub whose memory is not ours. */
  async restate(hubSeq: number): Promise<void> {
    this.#lastSeq = Math.max(this.#lastSeq, hubSeq);
    for (const status of [...this.#statuses.values()]) {
      const event = this.#eventOf(status);
      await this.#tell({ entry: "commit", event }, event);
    }
  }

  /** The hub keeps the events up to `seq`. Losing this costs a repetition that the hub drops, so it waits for no disk. */
  acknowledge(seq: number): void {
    const known = Math.min(seq, this.#lastSeq);
    if (known > this.#forgottenSeq) void this.#write({ entry: "acknowledged", seq: known });
  }

  remove(serverId: string): Promise<void> {
    return this.#write({ entry: "removed", serverId });
  }

  async close(): Promise<void> {
    if (this.#repair) clearTimeout(this.#repair);
    if (this.#isBehind) await this.#compact();
    await this.#lines.close();
  }

  #eventOf(status: ServerStatus, crash?: Crash): ServerStateEvent {
    const seq = this.#lastSeq + 1;
    return { type: "server_state", seq, ...publicStatus(status), timestamp: Date.now(), ...(crash && { crash }) };
  }

  #take(entry: Entry): void {
    switch (entry.entry) {
      case "begin":
        this.#lastSeq = Math.max(this.#lastSeq, entry.lastSeq);
        this.#forgottenSeq = Math.max(this.#forgottenSeq, entry.forgottenSeq);
        return;
      case "commit":
        if (entry.status) this.#statuses.set(entry.status.serverId, entry.status);
        if (entry.event) this.#takeEvent(entry.event);
        if (entry.command) this.#takeAnswer(entry.command.id, entry.command.answer);
        return;
      case "acknowledged":
        this.#forgottenSeq = Math.max(this.#forgottenSeq, entry.seq);
        this.#events = this.#events.filter((event) => event.seq > entry.seq);
        return;
      case "removed":
        this.#statuses.delete(entry.serverId);
        return;
    }
  }

  #takeEvent(event: ServerStateEvent): void {
    // A compaction writes down what is still waiting to be appended: the same event may be in the file twice.
    if (event.seq <= (this.#events.at(-1)?.seq ?? this.#forgottenSeq)) return;
    this.#lastSeq = Math.max(this.#lastSeq, event.seq);
    this.#events.push(event);
    this.#boundText(event);
    if (this.#events.length <= EVENTS_MAX) return;
    const givenUp = this.#events.shift()!;
    this.#forgottenSeq = Math.max(this.#forgottenSeq, givenUp.seq);
    this.#log.error({ seq: givenUp.seq }, "the hub has been away too long: an old event is given up");
  }

  /** Console text kept for a hub that stays away is bounded by itself: past it the oldest crashes keep their facts alone. */
  #boundText(added: ServerStateEvent): void {
    if (!added.crash?.lastLines) return;
    let room = CRASH_TEXT_KEPT_MAX;
    for (let index = this.#events.length - 1; index >= 0; index--) {
      const event = this.#events[index]!;
      if (!event.crash?.lastLines) continue;
      room -= event.crash.lastLines.length;
      if (room < 0) this.#events[index] = { ...event, crash: { ...event.crash, lastLines: "" } };
    }
  }

  #takeAnswer(id: string, answer: CommandAnswer): void {
    this.#answers.set(id, answer);
    if (this.#answers.size > COMMAND_MEMORY) this.#answers.delete(this.#answers.keys().next().value!);
  }

  /**
   * Writes an entry and tells its event. Whoever comes to rewrite the file waits longer than those behind it, whose
   * events must not overtake its own: a hub takes a lower number for a repetition.
   */
  async #tell(entry: Entry, event: ServerStateEvent): Promise<void> {
    const untold = { event, isWritten: false };
    this.#untold.push(untold);
    await this.#write(entry);
    untold.isWritten = true;
    while (this.#untold[0]?.isWritten) this.onEvent(this.#untold.shift()!.event);
  }

  async #write(entry: Entry): Promise<void> {
    this.#take(entry);
    try {
      if (this.#isBehind) return await this.#compact();
      await this.#lines.append(entry);
      const limit = Math.max(COMPACT_MIN_BYTES, COMPACT_FACTOR * this.#compactedBytes);
      if (this.#lines.sizeBytes > limit) await this.#compact();
    } catch (error) {
      this.#log.error({ err: error }, "the journal cannot be written; going on from memory");
      this.#isBehind = true;
      this.#repair ??= setTimeout(() => void this.#repairNow(), REPAIR_INTERVAL_MS).unref();
    }
  }

  async #repairNow(): Promise<void> {
    this.#repair = null;
    if (!this.#isBehind) return;
    try {
      await this.#compact();
      this.#log.info("the journal is written again");
    } catch {
      this.#repair = setTimeout(() => void this.#repairNow(), REPAIR_INTERVAL_MS).unref();
    }
  }

  async #compact(): Promise<void> {
    await this.#lines.replace(() => this.#everything());
    this.#compactedBytes = this.#lines.sizeBytes;
    this.#isBehind = false;
  }

  *#everything(): Iterable<Entry> {
    yield { entry: "begin", lastSeq: this.#lastSeq, forgottenSeq: this.#forgottenSeq };
    for (const status of this.#statuses.values()) yield { entry: "commit", status };
    for (const [id, answer] of this.#answers) yield { entry: "commit", command: { id, answer } };
    for (const event of this.#events) yield { entry: "commit", event };
  }
}
