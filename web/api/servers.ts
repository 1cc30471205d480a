import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { z } from "zod";
import type { LogsReply } from "../../protocol/agent-replies.ts";
import type { AuditEntry } from "../../protocol/api/audit.ts";
import type {
  CreateServerBody,
  ReinstallBody,
  RestartPolicyBody,
  Server,
  ServerCrash,
  ServerDetail,
  updateServerBodySchema,
} from "../../protocol/api/servers.ts";
import type { ResourceStats } from "../../protocol/frames/shared.ts";
import type { DesiredPower, PowerAction, ServerState } from "../../protocol/server-state.ts";
import { type Page, request, requestPage } from "./client.ts";
import { LIST_POLL_MS } from "./query-client.ts";

const LIST = "servers";
const detailKey = (id: string) => ["server", id] as const;
/** Live figures in the list are asked of the node itself: less often than the list, and only for rows on the screen. */
const LIST_STATS_POLL_MS = 10_000;

export function useServers(filters: { q?: string; nodeId?: string; cursor?: string } = {}) {
  return useQuery({
    queryKey: [LIST, filters],
    queryFn: ({ signal }) => requestPage<Server>("/api/servers", { query: filters, signal }),
    refetchInterval: LIST_POLL_MS,
    placeholderData: keepPreviousData,
  });
}

export function useServer(id: string) {
  return useQuery({
    queryKey: detailKey(id),
    queryFn: ({ signal }) => request<ServerDetail>(`/api/servers/${id}`, { signal }),
    refetchInterval: 4 * LIST_POLL_MS,
  });
}

export function useServerStats(id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["server-stats", id],
    queryFn: ({ signal }) => request<ResourceStats>(`/api/servers/${id}/stats`, { signal }),
    enabled,
    refetchInterval: LIST_STATS_POLL_MS,
    retry: false,
  });
}

export function useServerActivity(id: string, cursor: string | undefined) {
  return useQuery({
    queryKey: ["server-activity", id, cursor ?? ""],
    queryFn: ({ signal }) => requestPage<AuditEntry>(`/api/servers/${id}/activity`, { query: { cursor }, signal }),
    placeholderData: keepPreviousData,
  });
}

/** A crash that is told live changes `crashCount`, and is looked for at once; its node's hub may need a moment to write it. */
export function useServerCrashes(id: string, crashCount: number, cursor: string | undefined) {
  return useQuery({
    queryKey: ["server-crashes", id, crashCount, cursor ?? ""],
    queryFn: ({ signal }) => requestPage<ServerCrash>(`/api/servers/${id}/crashes`, { query: { cursor }, signal }),
    refetchInterval: LIST_POLL_MS,
    placeholderData: keepPreviousData,
  });
}

export function useSetRestartPolicy(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: RestartPolicyBody) =>
      request<ServerDetail>(`/api/servers/${id}/restart-policy`, { method: "PATCH", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: detailKey(id) }),
  });
}

export function useResetCrashCount(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => request<ServerDetail>(`/api/servers/${id}/reset-crash-count`, { method: "POST" }),
    // Its node tells the new count by itself; until then the page shows what was asked for.
    onSuccess: (server) => queries.setQueryData<ServerDetail>(detailKey(id), { ...server, crashCount: 0 }),
  });
}

export function useCreateServer() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: CreateServerBody) => request<Server>("/api/servers", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: [LIST] }),
  });
}

export function useUpdateServer(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: z.input<typeof updateServerBodySchema>) =>
      request<ServerDetail>(`/api/servers/${id}`, { method: "PATCH", body }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: [LIST] });
      return queries.invalidateQueries({ queryKey: detailKey(id) });
    },
  });
}

export function useDeleteServer(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (force: boolean) =>
      request<unknown>(`/api/servers/${id}`, { method: "DELETE", query: { force: force || undefined } }),
    onSuccess: () => {
      queries.removeQueries({ queryKey: detailKey(id) });
      return queries.invalidateQueries({ queryKey: [LIST] });
    },
  });
}

export function useReinstallServer(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ReinstallBody) => request<unknown>(`/api/servers/${id}/reinstall`, { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: detailKey(id) }),
  });
}

export function useSuspendServer(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reason: string | undefined) =>
      request<unknown>(`/api/servers/${id}/suspend`, { method: "POST", body: { reason } }),
    onSuccess: () => refreshEverywhere(queries, id),
  });
}

export function useUnsuspendServer(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => request<unknown>(`/api/servers/${id}/unsuspend`, { method: "POST" }),
    onSuccess: () => refreshEverywhere(queries, id),
  });
}

function refreshEverywhere(queries: ReturnType<typeof useQueryClient>, id: string) {
  void queries.invalidateQueries({ queryKey: [LIST] });
  void queries.invalidateQueries({ queryKey: ["server-activity", id] });
  return queries.invalidateQueries({ queryKey: detailKey(id) });
}

/** The outcome comes as a state. */
export function useCancelInstall(id: string) {
  return useMutation({
    mutationFn: () => request<unknown>(`/api/servers/${id}/install/cancel`, { method: "POST" }),
  });
}

export function useRefreshImage(id: string) {
  return useMutation({
    mutationFn: () => request<unknown>(`/api/servers/${id}/image/refresh`, { method: "POST" }),
  });
}

/** What a server will show right after an accepted request, until its node reports. */
const OPTIMISTIC: Record<PowerAction, ServerState> = {
  start: "starting",
  stop: "stopping",
  restart: "stopping",
  kill: "stopping",
};

const WISH: Record<PowerAction, DesiredPower> = {
  start: "running",
  restart: "running",
  stop: "stopped",
  kill: "stopped",
};

/** Asks for a power action and shows its beginning at once; a refusal puts the former state back. */
export function usePower(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (action: PowerAction) =>
      request<{ state: ServerState; alreadyUnderWay: boolean }>(`/api/servers/${id}/${action}`, { method: "POST" }),
    onMutate: async (action) => {
      await queries.cancelQueries({ queryKey: detailKey(id) });
      const before = queries.getQueryData<ServerDetail>(detailKey(id))?.status;
      applyServerState(queries, id, { status: OPTIMISTIC[action], statusReason: null, restartAt: null });
      return { before };
    },
    onError: (_error, _action, context) => {
      if (context?.before) applyServerState(queries, id, { status: context.before });
    },
    onSuccess: (reply, action) => applyServerState(queries, id, { status: reply.state, desiredPower: WISH[action] }),
  });
}

type LiveField =
  | keyof Pick<Server, "desiredPower" | "status" | "statusReason" | "exitCode" | "startedAt" | "nodeIsOnline">
  | keyof Pick<ServerDetail, "signal" | "statusSince" | "oomKilled" | "restartAt" | "crashCount" | "pendingRestart">;

/** Writes a newer state of one server into everything that is on the screen. */
export function applyServerState(
  queries: ReturnType<typeof useQueryClient>,
  id: string,
  change: Partial<Pick<ServerDetail, LiveField>>,
): void {
  queries.setQueryData<ServerDetail>(detailKey(id), (server) => server && { ...server, ...change });
  queries.setQueriesData<Page<Server>>(
    { queryKey: [LIST] },
    (page) => page && { ...page, items: page.items.map((item) => (item.id === id ? { ...item, ...change } : item)) },
  );
}

/** A range of the console log; without `from` its tail. Offsets and limit in bytes. */
export function fetchLogs(id: string, range: { from?: number; limit: number }): Promise<LogsReply> {
  return request<LogsReply>(`/api/servers/${id}/logs`, { query: range });
}

/** What a grant or ownership lets the caller do with this server. */
export function allows(server: Pick<ServerDetail, "permissions">, permission: string): boolean {
  return server.permissions.includes("*") || server.permissions.includes(permission);
}
