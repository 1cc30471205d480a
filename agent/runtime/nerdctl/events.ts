/** One `nerdctl events` process for the whole node, started again when it ends. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { Log } from "../../log.ts";
import type { NerdctlCli } from "./cli.ts";

const RESTART_FIRST_MS = 250;
const RESTART_MAX_MS = 15_000;
/** A process that lived this long was a good one: the next wait is short again. */
const GOOD_LIFE_MS = 30_000;
/**
 * The program does not say when it is listening, which on a busy machine can take seconds; what happened before is found
 * by looks at the containers, ever rarer. They go on for the case that an event was lost.
 */
const LOOK_FIRST_MS = 500;
const LOOK_FACTOR = 4;
const LOOK_MAX_MS = 5 * 60_000;

const recordSchema = z.object({ Topic: z.string(), Event: z.string() });
const exitEventSchema = z.object({
  container_id: z.string(),
  id: z.string(),
  exit_status: z.number().default(0),
  exited_at: z.object({ seconds: z.number().default(0), nanos: z.number().default(0) }).optional(),
});
const ofContainer = z.object({ container_id: z.string() });

export type TaskEvent =
  | { kind: "exit"; containerId: string; exitCode: number; exitedAt: number }
  | { kind: "oom"; containerId: string }
  | { kind: "paused"; containerId: string };

/** Parses a line of the event stream; null for anything that is not the end, an OOM kill or a pause of a container. */
export function parseEvent(line: string, now: number): TaskEvent | null {
  try {
    const record = recordSchema.parse(JSON.parse(line));
    const event: unknown = JSON.parse(record.Event);
    if (record.Topic === "/tasks/oom") return { kind: "oom", containerId: ofContainer.parse(event).container_id };
    if (record.Topic === "/tasks/paused") return { kind: "paused", containerId: ofContainer.parse(event).container_id };
    if (record.Topic !== "/tasks/exit") return null;
    const exit = exitEventSchema.parse(event);
    // Processes that were started in it later end under an id of their own.
    if (exit.id !== exit.container_id) return null;
    const exitedAt = exit.exited_at ? exit.exited_at.seconds * 1000 + Math.floor(exit.exited_at.nanos / 1e6) : now;
    return { kind: "exit", containerId: exit.container_id, exitCode: exit.exit_status, exitedAt };
  } catch {
    return null;
  }
}

export interface EventHandlers {
  onEvent: (event: TaskEvent) => void;
  /** The stream has (again) begun, or it has been a while: whatever it did not tell must be found by looking. */
  onListening: () => Promise<void>;
}

export class EventStream {
  readonly #cli: NerdctlCli;
  readonly #log: Log;
  readonly #handlers: EventHandlers;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #restartMs = RESTART_FIRST_MS;
  #isClosed = false;

  constructor(cli: NerdctlCli, log: Log, handlers: EventHandlers) {
    this.#cli = cli;
    this.#log = log;
    this.#handlers = handlers;
  }

  /** One that has begun goes on as it is. */
  start(): void {
    if (this.#isClosed || this.#child) return;
    const startedAt = performance.now();
    const child = this.#cli.spawn(["events", "--format", "{{json .}}"]);
    this.#child = child;
    child.stderr?.resume();
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const event = line === "" ? null : parseEvent(line, Date.now());
      if (event) this.#handlers.onEvent(event);
    });
    const onEnd = () => this.#onEnd(child, startedAt);
    child.once("error", onEnd);
    child.once("close", onEnd);
    this.#lookIn(LOOK_FIRST_MS, child);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }

  #lookIn(ms: number, child: ChildProcess): void {
    if (this.#isClosed || this.#child !== child) return;
    this.#timer = setTimeout(() => void this.#look(child, ms), ms).unref();
  }

  async #look(child: ChildProcess, afterMs: number): Promise<void> {
    let nextMs = Math.min(afterMs * LOOK_FACTOR, LOOK_MAX_MS);
    try {
      await this.#handlers.onListening();
    } catch (error) {
      this.#log.warn({ err: error }, "containers could not be looked at");
      nextMs = Math.min(nextMs, RESTART_MAX_MS);
    }
    // A stream that ended meanwhile looks by itself when it is back.
    this.#lookIn(nextMs, child);
  }

  #onEnd(child: ChildProcess, startedAt: number): void {
    if (this.#child !== child || this.#isClosed) return;
    this.#child = null;
    if (this.#timer) clearTimeout(this.#timer);
    if (performance.now() - startedAt > GOOD_LIFE_MS) this.#restartMs = RESTART_FIRST_MS;
    this.#log.warn({ restartMs: this.#restartMs }, "the container event stream ended");
    this.#timer = setTimeout(() => this.start(), this.#restartMs);
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MAX_MS);
  }
}
