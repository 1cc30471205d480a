/**
 * One server's console for as long as its page is open: the session, the text it brought, and the screen that shows it
 * while there is one. Text goes on arriving while another tab of the page is in front.
 */
import type { LogsReply } from "../../protocol/agent-replies.ts";
import { CONSOLE_LOGS_MAX_BYTES } from "../../protocol/limits.ts";
import { ConsoleDocument, type Gap } from "./console-document.ts";
import type { ConsoleScreen } from "./console-screen.ts";
import { type ConsoleNotice, ConsoleSession, type ConsoleStatus } from "./console-session.ts";
import { openConsoleSocket } from "./console-socket.ts";
import { fromFirstLine } from "./older-text.ts";

/** Characters kept while nobody reads further back: about as much as the terminal's scroll-back. */
const RETAIN_CHARS = 2_000_000;
const TRIM_EVERY_CHARS = 100_000;
/** One step back into the history. */
const OLDER_STEP_BYTES = 256 * 1024;

/** What the page shows besides the text. */
export interface FeedView {
  status: ConsoleStatus;
  /** Gaps that can be loaded. */
  gaps: readonly Gap[];
  isLoading: boolean;
  /** Loading failed, in words. */
  failure: string | null;
}

export interface FeedOptions {
  serverId: string;
  fetchLogs(range: { from: number; limit: number }): Promise<LogsReply>;
  onNotice(frame: ConsoleNotice): void;
}

export class ConsoleFeed {
  readonly #options: FeedOptions;
  readonly #document = new ConsoleDocument(isDebugging() ? Number.POSITIVE_INFINITY : RETAIN_CHARS);
  readonly #session: ConsoleSession;
  readonly #listeners = new Set<() => void>();
  #screen: ConsoleScreen | null = null;
  /** Text came that the screen does not show yet. */
  #isStale = false;
  #untrimmed = 0;
  #lastTaken: (() => void) | null = null;
  #oldest = 0;
  #view: FeedView = { status: { kind: "connecting" }, gaps: [], isLoading: false, failure: null };

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#session = new ConsoleSession({
      serverId: options.serverId,
      openSocket: openConsoleSocket,
      fetchLogs: options.fetchLogs,
      sink: {
        start: (offset) => this.#onStart(offset),
        text: (data, _from, to, taken) => this.#onText(data, to, taken),
        gap: (from, to, lost) => this.#onGap(from, to, lost),
      },
      onStatus: (status) => this.#update({ status }),
      onNotice: options.onNotice,
    });
    document.addEventListener("visibilitychange", this.#onVisibility);
    if (isDebugging()) exposeForDebugging(this, this.#document);
  }

  get view(): FeedView {
    return this.#view;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  attach(screen: ConsoleScreen): void {
    this.#screen = screen;
    this.#render(false);
  }

  detach(): void {
    this.#screen = null;
    // What the screen had not drawn yet is safe in the document: nothing is owed for it any more.
    this.#lastTaken?.();
  }

  sendLine(line: string): boolean {
    return this.#session.sendLine(line);
  }

  reconnect(): void {
    this.#session.reconnect();
  }

  /** Back to the newest line; history that was loaded on the way up may be dropped again. */
  jumpToLatest(): void {
    this.#document.retainAtLeast(0);
    this.#screen?.scrollToLatest();
  }

  /** Loads the text before what is held, one step. Does nothing when there is none or a load is under way. */
  async loadOlder(): Promise<void> {
    const before = this.#document.start;
    if (this.#view.isLoading || before <= this.#oldest || this.#document.end === 0) return;
    this.#update({ isLoading: true, failure: null });
    try {
      const from = Math.max(this.#oldest, before - OLDER_STEP_BYTES);
      const reply = await this.#options.fetchLogs({ from, limit: before - from });
      this.#oldest = Math.max(this.#oldest, reply.oldest);
      const older = fromFirstLine(reply, before, this.#oldest);
      if (older && this.#document.prepend(older.text, older.from, before)) {
        this.#document.retainAtLeast(RETAIN_CHARS + this.#document.text().length);
        this.#render(true);
      } else {
        this.#oldest = before;
      }
      this.#update({ isLoading: false });
    } catch (error) {
      this.#update({ isLoading: false, failure: words(error) });
    }
  }

  /** Loads the text of a gap into its place. */
  async loadGap(gap: Gap): Promise<void> {
    if (this.#view.isLoading) return;
    this.#update({ isLoading: true, failure: null });
    let from = gap.from;
    try {
      while (from < gap.to) {
        const reply = await this.#options.fetchLogs({ from, limit: Math.min(gap.to - from, CONSOLE_LOGS_MAX_BYTES) });
        if (reply.from > from) {
          from = Math.min(reply.from, gap.to);
          this.#document.markLost(gap.from, from);
        }
        if (reply.to <= from) break;
        this.#document.fill(from, reply.data, reply.to);
        from = reply.to;
      }
      this.#update({ isLoading: false });
    } catch (error) {
      this.#update({ isLoading: false, failure: words(error) });
    }
    this.#document.retainAtLeast(RETAIN_CHARS + this.#document.text().length);
    this.#render(true);
  }

  dispose(): void {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#session.dispose();
    this.#listeners.clear();
  }

  #update(change: Partial<FeedView>): void {
    const gaps = this.#document.gaps.filter((gap) => !gap.lost);
    this.#view = { ...this.#view, ...change, gaps };
    for (const listener of this.#listeners) listener();
  }

  #render(keepPlace: boolean): void {
    this.#isStale = false;
    this.#screen?.render(() => this.#document.segments, keepPlace);
  }

  #onStart(offset: number): void {
    this.#document.restart(offset);
    this.#oldest = 0;
    this.#render(false);
    this.#update({});
  }

  #onText(data: string, to: number, taken: () => void): void {
    this.#document.append(data, to);
    this.#lastTaken = taken;
    this.#untrimmed += data.length;
    if (this.#untrimmed > TRIM_EVERY_CHARS) {
      this.#untrimmed = 0;
      this.#document.trim();
    }
    // A hidden page gets no time to draw: its text is safe in the document and drawn when somebody looks again.
    if (this.#screen && !document.hidden && !this.#isStale) {
      this.#screen.write(data, taken);
    } else {
      this.#isStale = true;
      taken();
    }
  }

  #onGap(from: number, to: number, lost: boolean): void {
    this.#document.appendGap(to, lost);
    if (!this.#isStale) this.#screen?.gap(from, to, lost);
    this.#update({});
  }

  readonly #onVisibility = () => {
    if (!document.hidden && this.#isStale) this.#render(false);
  };
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : "The text could not be loaded.";
}

function isDebugging(): boolean {
  try {
    return localStorage.getItem("catalyst.debug") === "1";
  } catch {
    return false;
  }
}

/** For tests and bug reports: the text as it was put together. Only when somebody asked for it in this browser. */
function exposeForDebugging(feed: ConsoleFeed, text: ConsoleDocument): void {
  Object.assign(window, {
    __catalystConsole: {
      text: () => text.text(),
      start: () => text.start,
      end: () => text.end,
      gaps: () => text.gaps,
      status: () => feed.view.status,
      loadOlder: () => feed.loadOlder(),
      loadGaps: async () => {
        for (const gap of [...feed.view.gaps]) await feed.loadGap(gap);
      },
    },
  });
}
