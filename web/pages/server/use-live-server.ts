import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import type { ResourceStats } from "../../../protocol/frames/shared.ts";
import { toApiError } from "../../api/api-error.ts";
import { applyServerState, fetchLogs } from "../../api/servers.ts";
import { ConsoleFeed } from "../../console/console-feed.ts";
import type { ConsoleNotice } from "../../console/console-session.ts";

/** Two minutes at the agreed interval of live figures. */
export const STATS_KEPT = 60;

export interface LiveServer {
  /** Null until the page's effects have run. */
  feed: ConsoleFeed | null;
  /** Live figures, oldest first. */
  stats: readonly ResourceStats[];
}

/** History answers with the one thing the session must know of a failure: whether asking again can help. */
async function readLogs(serverId: string, range: { from: number; limit: number }) {
  try {
    return await fetchLogs(serverId, range);
  } catch (error) {
    const failure = toApiError(error);
    const permanent = failure.status >= 400 && failure.status < 500 && failure.status !== 429;
    throw Object.assign(failure, { permanent });
  }
}

const isoOrNull = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** Connects to a server's hub for as long as its page is open, and keeps states on the page as they come. */
export function useLiveServer(serverId: string): LiveServer {
  const queries = useQueryClient();
  const [feed, setFeed] = useState<ConsoleFeed | null>(null);
  const [stats, setStats] = useState<readonly ResourceStats[]>([]);
  useEffect(() => {
    const onNotice = (frame: ConsoleNotice) => {
      switch (frame.type) {
        case "server_state_update":
          if (frame.serverId !== serverId) return;
          applyServerState(queries, serverId, {
            status: frame.state,
            statusReason: frame.reason,
            statusSince: isoOrNull(frame.timestamp),
            ...(frame.exitCode === undefined ? {} : { exitCode: frame.exitCode }),
            ...(frame.startedAt === undefined ? {} : { startedAt: isoOrNull(frame.startedAt) }),
            ...(frame.signal === undefined ? {} : { signal: frame.signal }),
            ...(frame.oomKilled === undefined ? {} : { oomKilled: frame.oomKilled }),
            restartAt: isoOrNull(frame.restartAt ?? null),
            ...(frame.crashCount === undefined ? {} : { crashCount: frame.crashCount }),
            pendingRestart: frame.pendingRestart ?? [],
          });
          if (frame.state === "stopped" || frame.state === "crashed") setStats([]);
          return;
        case "node_status":
          applyServerState(queries, serverId, { nodeIsOnline: frame.online });
          return;
        case "resource_stats":
          if (frame.serverId === serverId) setStats((kept) => [...kept, frame].slice(-STATS_KEPT));
          return;
        case "error":
          toast.error(frame.error);
          return;
        case "command_result":
          if (!frame.ok) toast.error(frame.error ?? "The node refused the command.");
          return;
      }
    };
    const opened = new ConsoleFeed({ serverId, fetchLogs: (range) => readLogs(serverId, range), onNotice });
    setFeed(opened);
    setStats([]);
    // A connection that was ended on purpose says that the page is out of date: who is signed in, or the server itself.
    let wasEnded = false;
    const unsubscribe = opened.subscribe(() => {
      const isEnded = opened.view.status.kind === "ended";
      if (isEnded && !wasEnded) {
        void queries.invalidateQueries({ queryKey: ["me"] });
        void queries.invalidateQueries({ queryKey: ["server", serverId] });
      }
      wasEnded = isEnded;
    });
    return () => {
      unsubscribe();
      opened.dispose();
      setFeed(null);
    };
  }, [serverId, queries]);
  return { feed, stats };
}
