import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { CreatePoolBody, Pool } from "../../protocol/api/pools.ts";
import type {
  AddAllocationsBody,
  AvailableAllocations,
  ServerAllocation,
  ServerNetworkBody,
} from "../../protocol/api/server-network.ts";
import type { ServerDetail } from "../../protocol/api/servers.ts";
import { request, requestPage } from "./client.ts";

const allocationsOf = (serverId: string) => ["server-allocations", serverId] as const;

/** @param version changes when the server does: its ports are asked for anew then. */
export function useServerAllocations(serverId: string, version: string) {
  return useQuery({
    queryKey: [...allocationsOf(serverId), version],
    queryFn: ({ signal }) => requestPage<ServerAllocation>(`/api/servers/${serverId}/allocations`, { signal }),
    placeholderData: (before) => before,
  });
}

/** What can be added to the server, asked for while somebody chooses. */
export function useAvailableAllocations(serverId: string) {
  return useQuery({
    queryKey: [...allocationsOf(serverId), "available"],
    queryFn: ({ signal }) =>
      request<AvailableAllocations>(`/api/servers/${serverId}/allocations/available`, { signal }),
    staleTime: 0,
  });
}

function useNetworkChange<Body>(serverId: string, send: (body: Body) => Promise<unknown>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["server", serverId] });
      return queries.invalidateQueries({ queryKey: allocationsOf(serverId) });
    },
  });
}

const path = (serverId: string, rest = "") => `/api/servers/${serverId}/allocations${rest}`;

export const useAddAllocation = (serverId: string) =>
  useNetworkChange(serverId, (body: AddAllocationsBody) => request(path(serverId), { method: "POST", body }));

export const useMakePrimary = (serverId: string) =>
  useNetworkChange(serverId, (allocationId: string) =>
    request(path(serverId, "/primary"), { method: "POST", body: { allocationId } }),
  );

export const useRemoveAllocation = (serverId: string) =>
  useNetworkChange(serverId, (id: string) => request(path(serverId, `/${id}`), { method: "DELETE" }));

export const useNoteAllocation = (serverId: string) =>
  useNetworkChange(serverId, ({ id, notes }: { id: string; notes: string | null }) =>
    request(path(serverId, `/${id}`), { method: "PATCH", body: { notes } }),
  );

export const useSetNetwork = (serverId: string) =>
  useNetworkChange(serverId, (body: ServerNetworkBody) =>
    request<ServerDetail>(`/api/servers/${serverId}/network`, { method: "PATCH", body }),
  );

export function usePools(nodeId: string, enabled: boolean) {
  return useQuery({
    queryKey: ["pools", nodeId],
    queryFn: ({ signal }) => requestPage<Pool>("/api/pools", { query: { nodeId, limit: 200 }, signal }),
    enabled: enabled && nodeId !== "",
  });
}

export function useCreatePool(nodeId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: CreatePoolBody) => request<Pool>("/api/pools", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["pools", nodeId] }),
  });
}

export function useDeletePool(nodeId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request(`/api/pools/${id}`, { method: "DELETE" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["pools", nodeId] }),
  });
}
