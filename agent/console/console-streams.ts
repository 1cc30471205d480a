/**
 * Console text on its way to the hub. Streams and replays take turns, one frame each, so that a flood delays a
 * neighbour's line by a few frames at most. While no stream is open nothing runs: no timer, no watch, no read.
 */
import type { ConsoleSink, ConsoleStreams, OpenConsoleLog } from "./console-hub.ts";
import type { ConsoleLog } from "./console-log.ts";
import { LiveStream, type StepResult } from "./live-stream.ts";
import { Replay, type ReplayRequest } from "./replay.ts";

/** Bytes that may wait in the link before streams pause. */
const SINK_MAX_BYTES = 256 * 1024;
const SINK_POLL_MS = 2;
/** Frames sent before other work of the agent gets a turn. */
const FRAMES_PER_TURN = 4;
const ERROR_RETRY_MS = 1_000;

export interface ConsoleStreamsOptions {
  openLog: OpenConsoleLog;
  sink: ConsoleSink;
  /** Whether a server's text is that of its install script; such frames are `install_output`. */
  isInstalling?: (serverId: string) => boolean;
  /** A log could not be read; the stream tries again. */
  onError?: (serverId: string, error: unknown) => void;
}

interface PendingReplay {
  replay: Replay;
  done: () => void;
}

/** One server's live stream and replays. */
interface Channel {
  serverId: string;
  log: ConsoleLog;
  live: LiveStream | null;
  /** Resolves when the live stream has its position. */
  ready: Promise<void>;
  stopFollowing: (() => void) | null;
  replays: PendingReplay[];
  timer: NodeJS.Timeout | null;
  isQueued: boolean;
}

export function createConsoleStreams(options: ConsoleStreamsOptions): ConsoleStreams {
  return new Streams(options);
}

class Streams implements ConsoleStreams {
  readonly #options: ConsoleStreamsOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #queue: Channel[] = [];
  #isRunning = false;

  constructor(options: ConsoleStreamsOptions) {
    this.#options = options;
  }

  async open(serverId: string): Promise<void> {
    const channel = this.#channel(serverId);
    if (!channel.live) {
      const { log } = channel;
      // A step that was under way when the stream ended must not send into the next connection.
      const send = (frame: string): boolean => channel.live === live && this.#options.sink.send(frame);
      const live = new LiveStream({ serverId, log, send, frameType: () => this.#frameType(serverId) });
      channel.live = live;
      channel.stopFollowing = log.follow(() => this.#enqueue(channel));
      channel.ready = live.seekEnd().catch((error) => {
        this.#options.onError?.(serverId, error);
        if (channel.live === live) this.close(serverId);
      });
    }
    await channel.ready;
    if (channel.live) this.#enqueue(channel);
  }

  close(serverId: string): void {
    const channel = this.#channels.get(serverId);
    if (!channel) return;
    channel.stopFollowing?.();
    channel.stopFollowing = null;
    channel.live = null;
    if (channel.timer) clearTimeout(channel.timer);
    channel.timer = null;
    if (channel.replays.length === 0) this.#channels.delete(serverId);
    else this.#enqueue(channel);
  }

  credit(serverId: string, offset: number): void {
    const channel = this.#channels.get(serverId);
    if (!channel?.live) return;
    channel.live.credit(offset);
    this.#enqueue(channel);
  }

  replay(serverId: string, requestId: string, from: number | null, maxBytes: number): Promise<void> {
    const channel = this.#channel(serverId);
    const request: ReplayRequest = { serverId, requestId, from, maxBytes };
    const send = (frame: string): boolean =>
      channel.replays.some((pending) => pending.replay === replay) && this.#options.sink.send(frame);
    const replay = new Replay(request, channel.log, this.#frameType(serverId), send);
    return new Promise((done) => {
      channel.replays.push({ replay, done });
      this.#enqueue(channel);
    });
  }

  reset(): void {
    for (const channel of this.#channels.values()) {
      for (const { done } of channel.replays.splice(0)) done();
      this.close(channel.serverId);
    }
  }

  #frameType(serverId: string) {
    return this.#options.isInstalling?.(serverId) ? "install_output" : "console_output";
  }

  #channel(serverId: string): Channel {
    const known = this.#channels.get(serverId);
    if (known) return known;
    const channel: Channel = {
      serverId,
      log: this.#options.openLog(serverId),
      live: null,
      ready: Promise.resolve(),
      stopFollowing: null,
      replays: [],
      timer: null,
      isQueued: false,
    };
    this.#channels.set(serverId, channel);
    return channel;
  }

  #enqueue(channel: Channel): void {
    if (channel.isQueued) return;
    channel.isQueued = true;
    if (channel.timer) clearTimeout(channel.timer);
    channel.timer = null;
    this.#queue.push(channel);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let frames = 0;
    while (this.#queue.length > 0) {
      if (this.#options.sink.bufferedBytes() > SINK_MAX_BYTES) {
        await new Promise((resolve) => setTimeout(resolve, SINK_POLL_MS));
        continue;
      }
      const channel = this.#queue.shift()!;
      channel.isQueued = false;
      const result = await this.#turn(channel);
      if (this.#channels.get(channel.serverId) === channel) this.#plan(channel, result);
      if (++frames % FRAMES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#isRunning = false;
  }

  #plan(channel: Channel, result: StepResult): void {
    if (result === "more") this.#enqueue(channel);
    else if (result !== "idle" && !channel.isQueued) {
      if (channel.timer) clearTimeout(channel.timer);
      channel.timer = setTimeout(() => this.#enqueue(channel), result.afterMs);
    }
  }

  async #turn(channel: Channel): Promise<StepResult> {
    try {
      await channel.ready;
      const first = channel.replays[0];
      if (!first) return channel.live ? await channel.live.step() : "idle";
      const position = channel.live ? channel.live.position : (await channel.log.bounds()).latest;
      const isOver = await first.replay.step(position);
      if (isOver) this.#endReplay(channel, first);
      return "more";
    } catch (error) {
      this.#options.onError?.(channel.serverId, error);
      const failed = channel.replays[0];
      if (failed) {
        failed.replay.abandon(channel.live?.position ?? 0);
        this.#endReplay(channel, failed);
      }
      return { afterMs: ERROR_RETRY_MS };
    }
  }

  #endReplay(channel: Channel, ended: PendingReplay): void {
    if (channel.replays[0] !== ended) return;
    channel.replays.shift();
    ended.done();
    const isUnused = !channel.live && channel.replays.length === 0;
    if (isUnused && this.#channels.get(channel.serverId) === channel) this.#channels.delete(channel.serverId);
  }
}
