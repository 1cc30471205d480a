import "@xterm/xterm/css/xterm.css";
import { ArrowDown, Copy, Search } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { toast } from "sonner";
import { formatBytes } from "../components/formatting.ts";
import { cn } from "../components/ui/class-names.ts";
import { CommandLine } from "./command-line.tsx";
import type { ConsoleFeed } from "./console-feed.ts";
import { ConsoleScreen } from "./console-screen.ts";
import { SearchBar } from "./search-bar.tsx";

interface ConsolePanelProps {
  serverId: string;
  feed: ConsoleFeed;
  nodeIsOnline: boolean;
  nodeName: string;
  /** Why no command can be sent, apart from the connection; null when it can. */
  inputObstacle: string | null;
}

/** Output, search, command line, and what there is to say about the connection. */
export function ConsolePanel({ serverId, feed, nodeIsOnline, nodeName, inputObstacle }: ConsolePanelProps) {
  const element = useRef<HTMLDivElement>(null);
  const commandLine = useRef<HTMLInputElement>(null);
  const screen = useRef<ConsoleScreen | null>(null);
  const [isFollowing, setFollowing] = useState(true);
  const [isSearching, setSearching] = useState(false);
  const [matches, setMatches] = useState({ index: -1, count: 0 });
  const view = useSyncExternalStore(feed.subscribe, () => feed.view);

  useEffect(() => {
    if (!element.current) return;
    const opened = new ConsoleScreen(element.current, {
      reachedTop: () => void feed.loadOlder(),
      following: setFollowing,
      searchResults: (index, count) => setMatches({ index, count }),
      typed: () => commandLine.current?.focus(),
    });
    screen.current = opened;
    feed.attach(opened);
    return () => {
      feed.detach();
      opened.dispose();
      screen.current = null;
    };
  }, [feed]);

  // The browser's own search would look only at the lines in view.
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "f") return;
      event.preventDefault();
      setSearching(true);
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);

  const closeSearch = useCallback(() => {
    setSearching(false);
    screen.current?.clearSearch();
    commandLine.current?.focus();
  }, []);
  const find = useCallback((text: string, step: -1 | 0 | 1) => screen.current?.find(text, step), []);
  const gap = view.gaps.at(-1);

  return (
    <section
      aria-label="Console"
      className="flex min-h-0 min-w-0 flex-1 flex-col overflow-hidden rounded-xl border bg-terminal text-[#d6d8de] shadow-card"
    >
      <div className="flex h-10 shrink-0 items-center justify-between gap-2 border-white/8 border-b pr-1.5 pl-4">
        <ConnectionState status={view.status.kind} nodeIsOnline={nodeIsOnline} />
        {isSearching ? (
          <SearchBar matches={matches} onFind={find} onClose={closeSearch} />
        ) : (
          <div className="flex">
            <ToolButton label="Search the console" onClick={() => setSearching(true)}>
              <Search className="size-4" />
            </ToolButton>
            <ToolButton
              label="Copy the selection, or what is in view"
              onClick={() =>
                void screen.current?.copy().then(
                  () => toast.success("Copied"),
                  () => toast.error("The browser refused to copy."),
                )
              }
            >
              <Copy className="size-4" />
            </ToolButton>
          </div>
        )}
      </div>
      {view.status.kind === "ended" && (
        <Notice>
          {view.status.message}
          <NoticeButton onClick={() => feed.reconnect()}>Connect again</NoticeButton>
        </Notice>
      )}
      {view.status.kind === "reconnecting" && (
        <Notice>The connection was lost. Connecting again; nothing of the output will be missing.</Notice>
      )}
      {view.status.kind === "live" && !nodeIsOnline && (
        <Notice>{nodeName} is offline. The game may well be running; its output follows when the node is back.</Notice>
      )}
      {gap && (
        <Notice>
          {formatBytes(gap.to - gap.from)} of output went by too fast to be shown.
          <NoticeButton onClick={() => void feed.loadGap(gap)} disabled={view.isLoading}>
            {view.isLoading ? "Loading…" : "Load it"}
          </NoticeButton>
        </Notice>
      )}
      {view.failure && <Notice>{view.failure}</Notice>}
      <div className="relative min-h-0 flex-1">
        <div className="absolute inset-0 py-2 pr-1 pl-4 max-sm:pl-2.5">
          {/* Without padding of its own: the terminal is fitted to this very box. */}
          <div ref={element} className="console-screen size-full overflow-hidden" />
        </div>
        {view.isLoading && (
          <p
            role="status"
            className="-translate-x-1/2 absolute top-2 left-1/2 rounded-full bg-white/10 px-3 py-1 text-xs backdrop-blur"
          >
            Loading older output…
          </p>
        )}
        {!isFollowing && (
          <button
            type="button"
            onClick={() => {
              feed.jumpToLatest();
              commandLine.current?.focus();
            }}
            className="-translate-x-1/2 absolute bottom-3 left-1/2 flex items-center gap-2 rounded-full bg-accent px-3.5 py-1.5 font-medium text-white text-xs shadow-popover hover:bg-accent-strong"
          >
            <ArrowDown className="size-3.5" aria-hidden />
            Jump to latest
          </button>
        )}
      </div>
      <CommandLine
        ref={commandLine}
        serverId={serverId}
        obstacle={
          inputObstacle ??
          (view.status.kind !== "live" ? "Not connected." : nodeIsOnline ? null : "The node is offline.")
        }
        onSend={(line) => feed.sendLine(line)}
        onScrollPages={(pages) => screen.current?.scrollPages(pages)}
      />
    </section>
  );
}

function ConnectionState({ status, nodeIsOnline }: { status: string; nodeIsOnline: boolean }) {
  const isLive = status === "live" && nodeIsOnline;
  const words =
    status === "live"
      ? nodeIsOnline
        ? "Live"
        : "Node offline"
      : { connecting: "Connecting", reconnecting: "Reconnecting", ended: "Disconnected" }[status];
  return (
    <p role="status" className="flex items-center gap-2 whitespace-nowrap text-white/60 text-xs">
      <span
        aria-hidden
        className={cn(
          "size-2 rounded-full",
          isLive ? "bg-[#6fcf97]" : status === "ended" ? "bg-[#f0716f]" : "bg-[#e6c36a]",
          (status === "connecting" || status === "reconnecting") && "animate-pulse",
        )}
      />
      {words}
    </p>
  );
}

function ToolButton({ label, onClick, children }: { label: string; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      onClick={onClick}
      className="grid size-8 place-items-center rounded-md text-white/60 hover:bg-white/8 hover:text-white"
    >
      {children}
    </button>
  );
}

function Notice({ children }: { children: ReactNode }) {
  return (
    <div
      role="status"
      className="flex shrink-0 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-[#e6c36a]/20 border-b bg-[#e6c36a]/10 px-4 py-2 text-[#f0dca6] text-[13px]"
    >
      {children}
    </div>
  );
}

function NoticeButton({
  onClick,
  disabled,
  children,
}: {
  onClick: () => void;
  disabled?: boolean;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      onClick={onClick}
      disabled={disabled}
      className="rounded-md bg-[#e6c36a]/15 px-2.5 py-1 font-medium text-xs hover:bg-[#e6c36a]/25 disabled:opacity-60"
    >
      {children}
    </button>
  );
}
