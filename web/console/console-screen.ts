/**
 * The terminal on the page: xterm.js set up for reading a game's output.
 *
 * The output is not trusted. It may colour and move within its own lines, but may not switch to another screen, hide
 * the scroll-back, catch the mouse or answer queries: those sequences are ignored.
 */
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { copyText } from "../components/copy-button.tsx";
import { formatBytes } from "../components/formatting.ts";
import type { Segment } from "./console-document.ts";
import { SEARCH_COLOURS, TERMINAL_THEME } from "./terminal-theme.ts";

const FONT_FAMILY = '"JetBrains Mono Variable", ui-monospace, "DejaVu Sans Mono", monospace';
const SCROLLBACK_LINES = 20_000;
const SCROLLBACK_MAX_LINES = 300_000;

/** Private modes that would take the screen, the mouse or the repainting away from the reader. */
const IGNORED_MODES = new Set([9, 47, 1000, 1001, 1002, 1003, 1005, 1006, 1015, 1016, 1047, 1048, 1049, 2026]);

export interface ScreenEvents {
  /** The reader scrolled to the oldest line. */
  reachedTop(): void;
  /** Whether the newest line is in view, and so stays in view. */
  following(isFollowing: boolean): void;
  searchResults(index: number, count: number): void;
  /** A key that belongs into the command line. */
  typed(): void;
}

export class ConsoleScreen {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon({ highlightLimit: 2_000 });
  readonly #events: ScreenEvents;
  readonly #observer: ResizeObserver;
  readonly #element: HTMLElement;
  #isFollowing = true;
  #atLineStart = true;
  /** A refill waits for the terminal: what is written meanwhile is part of it. */
  #isRefilling = false;
  #takenByRefill: (() => void)[] = [];
  /** The view is being moved to its place: not a sign of what the reader wants. */
  #isPlacing = false;
  #isDisposed = false;

  constructor(element: HTMLElement, events: ScreenEvents) {
    this.#element = element;
    this.#events = events;
    const fontSize = matchMedia("(max-width: 640px)").matches ? 11.5 : 13;
    this.#terminal = new Terminal({
      allowProposedApi: true,
      convertEol: true,
      disableStdin: true,
      cursorInactiveStyle: "none",
      cursorStyle: "bar",
      cursorWidth: 1,
      fontFamily: FONT_FAMILY,
      fontSize,
      lineHeight: 1.25,
      scrollback: SCROLLBACK_LINES,
      theme: TERMINAL_THEME,
      linkHandler: { activate: (_event, url) => openLink(url) },
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(this.#search);
    this.#terminal.loadAddon(new WebLinksAddon((_event, url) => openLink(url)));
    this.#refuseTakeovers();
    this.#terminal.attachCustomKeyEventHandler((event) => this.#onKey(event));
    this.#terminal.onRender(() => this.#onView());
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => events.searchResults(resultIndex, resultCount));
    this.#terminal.open(element);
    this.#terminal.textarea?.setAttribute("aria-label", "Console output");
    this.#terminal.textarea?.setAttribute("readonly", "");
    element.addEventListener("wheel", this.#onWheel, { passive: true });
    element.addEventListener("touchstart", this.#onTouchStart, { passive: true });
    element.addEventListener("touchmove", this.#onTouchMove, { passive: false });
    this.#observer = new ResizeObserver(() => this.#fit.fit());
    this.#observer.observe(element);
    this.#fit.fit();
    void this.#measureWithFont(fontSize);
  }

  /** Adds text at the end; `taken` is called when the terminal has worked it in. */
  write(text: string, taken: () => void): void {
    if (this.#isRefilling) this.#takenByRefill.push(taken);
    else this.#put(text, taken);
  }

  gap(from: number, to: number, lost: boolean): void {
    if (!this.#isRefilling) this.#putGap(from, to, lost);
  }

  #put(text: string, taken?: () => void): void {
    if (text !== "") this.#atLineStart = text.endsWith("\n");
    this.#terminal.write(text, taken);
  }

  #putGap(from: number, to: number, lost: boolean): void {
    const size = formatBytes(to - from);
    const words = lost ? `${size} of older output is no longer kept` : `${size} of output not loaded`;
    this.#put(`${this.#atLineStart ? "" : "\n"}\x1b[0;38;5;244m┄┄ ${words} ┄┄\x1b[0m\n`);
  }

  /**
   * Shows everything anew. `keepPlace` keeps what was in view in view when text was put in front of it.
   *
   * Text that the terminal has accepted but not worked in yet cannot be taken back: the refill lines up behind it, and
   * takes the segments as they are when its turn comes.
   */
  render(segments: () => readonly Segment[], keepPlace: boolean): void {
    if (this.#isRefilling) return;
    this.#isRefilling = true;
    this.#isPlacing = true;
    this.#terminal.write("", () => {
      if (this.#isDisposed) return;
      this.#isRefilling = false;
      const { length, viewportY } = this.#terminal.buffer.active;
      this.#refill(segments());
      for (const taken of this.#takenByRefill.splice(0)) taken();
      this.#terminal.write("", () => this.#place(keepPlace ? length - viewportY : null));
    });
  }

  #refill(segments: readonly Segment[]): void {
    this.#terminal.reset();
    this.#atLineStart = true;
    let lines = 0;
    for (const segment of segments) if (segment.kind === "text") lines += segment.text.split("\n").length;
    // Wrapped lines take more rows than the text has line ends.
    this.#terminal.options.scrollback = Math.min(SCROLLBACK_MAX_LINES, Math.max(SCROLLBACK_LINES, lines * 2));
    for (const segment of segments) {
      if (segment.kind === "text") this.#put(segment.text);
      else this.#putGap(segment.from, segment.to, segment.lost);
    }
  }

  /** @param rowsFromEnd where the first row in view was, counted from the end; null for the newest. */
  #place(rowsFromEnd: number | null): void {
    if (this.#isDisposed) return;
    const { length } = this.#terminal.buffer.active;
    if (rowsFromEnd === null) this.#terminal.scrollToBottom();
    else this.#terminal.scrollToLine(Math.max(0, length - rowsFromEnd));
    this.#isPlacing = false;
    this.#onView();
  }

  scrollToLatest(): void {
    this.#terminal.scrollToBottom();
  }

  scrollPages(pages: number): void {
    this.#terminal.scrollPages(pages);
  }

  /** Finds and marks text in what is loaded; `step` 0 searches while typing. */
  find(text: string, step: -1 | 0 | 1): void {
    const options = { decorations: SEARCH_COLOURS, incremental: step === 0 };
    if (text === "") this.clearSearch();
    else if (step === 1) this.#search.findNext(text, options);
    else this.#search.findPrevious(text, options);
  }

  clearSearch(): void {
    this.#search.clearDecorations();
    this.#terminal.clearSelection();
    this.#events.searchResults(-1, 0);
  }

  /** The selected text, else what is in view. */
  copy(): Promise<void> {
    const selected = this.#terminal.getSelection();
    if (selected) return copyText(selected);
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let row = active.viewportY; row < active.viewportY + this.#terminal.rows; row++) {
      const line = active.getLine(row);
      if (!line) continue;
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += line.translateToString(true);
      else lines.push(line.translateToString(true));
    }
    return copyText(lines.join("\n").trimEnd());
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#observer.disconnect();
    this.#element.removeEventListener("wheel", this.#onWheel);
    this.#element.removeEventListener("touchstart", this.#onTouchStart);
    this.#element.removeEventListener("touchmove", this.#onTouchMove);
    this.#terminal.dispose();
  }

  /** Cells are measured once: with the fallback font, if the real one has not arrived yet. */
  async #measureWithFont(fontSize: number): Promise<void> {
    const isReady = document.fonts.check(`${fontSize}px ${FONT_FAMILY}`);
    if (isReady) return;
    await document.fonts.load(`${fontSize}px ${FONT_FAMILY}`).catch(() => []);
    if (this.#isDisposed) return;
    // Only a change of the option makes the terminal measure again.
    this.#terminal.options.fontFamily = "monospace";
    this.#terminal.options.fontFamily = FONT_FAMILY;
    this.#fit.fit();
  }

  #refuseTakeovers(): void {
    const { parser } = this.#terminal;
    const isIgnored = (parameters: (number | number[])[]) =>
      parameters.some((parameter) => typeof parameter === "number" && IGNORED_MODES.has(parameter));
    parser.registerCsiHandler({ prefix: "?", final: "h" }, isIgnored);
    parser.registerCsiHandler({ prefix: "?", final: "l" }, isIgnored);
    // Erasing the scroll-back, and full resets.
    parser.registerCsiHandler({ final: "J" }, (parameters) => parameters[0] === 3);
    parser.registerEscHandler({ final: "c" }, () => true);
    parser.registerCsiHandler({ intermediates: "!", final: "p" }, () => true);
  }

  #onView(): void {
    if (this.#isPlacing) return;
    const { viewportY, baseY } = this.#terminal.buffer.active;
    const isFollowing = viewportY >= baseY;
    if (isFollowing !== this.#isFollowing) {
      this.#isFollowing = isFollowing;
      this.#events.following(isFollowing);
    }
    if (viewportY === 0 && baseY > 0) this.#events.reachedTop();
  }

  /** Short output fills no screen and cannot be scrolled: turning the wheel up still means "what was before?". */
  readonly #onWheel = (event: WheelEvent) => {
    if (event.deltaY < 0 && this.#terminal.buffer.active.viewportY === 0) this.#events.reachedTop();
  };

  #touchY = 0;
  readonly #onTouchStart = (event: TouchEvent) => {
    this.#touchY = event.touches[0]?.clientY ?? 0;
  };
  /** xterm.js scrolls by wheel and bar alone; fingers are served here. */
  readonly #onTouchMove = (event: TouchEvent) => {
    const y = event.touches[0]?.clientY;
    if (y === undefined || event.touches.length > 1) return;
    const rowHeight = this.#element.clientHeight / this.#terminal.rows;
    const rows = Math.trunc((this.#touchY - y) / rowHeight);
    event.preventDefault();
    if (rows === 0) return;
    this.#touchY -= rows * rowHeight;
    if (rows < 0 && this.#terminal.buffer.active.viewportY === 0) this.#events.reachedTop();
    this.#terminal.scrollLines(rows);
  };

  /** @returns false when the terminal shall leave the key alone. */
  #onKey(event: KeyboardEvent): boolean {
    const withCommand = event.ctrlKey || event.metaKey;
    if (event.type !== "keydown") return false;
    if (withCommand && event.key.toLowerCase() === "c" && this.#terminal.hasSelection()) {
      event.preventDefault();
      void this.copy();
    } else if (event.key === "PageUp") this.#terminal.scrollPages(-1);
    else if (event.key === "PageDown") this.#terminal.scrollPages(1);
    else if (event.key === "Home") this.#terminal.scrollToTop();
    else if (event.key === "End") this.#terminal.scrollToBottom();
    else if (event.key === "ArrowUp") this.#terminal.scrollLines(-1);
    else if (event.key === "ArrowDown") this.#terminal.scrollLines(1);
    else if (event.key.length === 1 && !withCommand && !event.altKey) this.#events.typed();
    return false;
  }
}

function openLink(url: string): void {
  if (/^https?:\/\//i.test(url)) window.open(url, "_blank", "noopener,noreferrer");
}
