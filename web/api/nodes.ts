import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { z } from "zod";
import type {
  Allocation,
  createAllocationsBodySchema,
  createdNodeSchema,
  createLocationBodySchema,
  createNodeBodySchema,
  deletedAllocationsSchema,
  deploymentTokenReplySchema,
  Location,
  Node,
  NodeDetail,
  UpdateAgentReply,
  updateNodeBodySchema,
} from "../../protocol/api/nodes.ts";
import type { HealthReport } from "../../protocol/frames/shared.ts";
import type { NodeMode } from "../../protocol/node-mode.ts";
import { type Page, request, requestPage } from "./client.ts";
import { LIST_POLL_MS } from "./query-client.ts";

const nodePath = (id: string) => `/api/nodes/${id}`;

export function useNodes(enabled = true) {
  return useQuery({
    queryKey: ["nodes"],
    queryFn: ({ signal }) => requestPage<Node>("/api/nodes", { query: { limit: 200 }, signal }),
    refetchInterval: LIST_POLL_MS,
    enabled,
  });
}

export function useNode(id: string) {
  return useQuery({
    queryKey: ["node", id],
    queryFn: ({ signal }) => request<NodeDetail>(nodePath(id), { signal }),
    refetchInterval: LIST_POLL_MS,
  });
}

/** Health as the node's agent measures it now; asked only while somebody looks and the node is connected. */
export function useNodeHealth(id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["node-health", id],
    queryFn: ({ signal }) => request<HealthReport>(`${nodePath(id)}/stats`, { signal }),
    enabled,
    refetchInterval: LIST_POLL_MS,
    retry: false,
  });
}

/** Has the node look at itself now; the answer is the node with what was found. */
export function useCheckNode(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => request<NodeDetail>(`${nodePath(id)}/preflight`, { method: "POST" }),
    onSuccess: (node) => {
      queries.setQueryData(["node", id], node);
      return queries.invalidateQueries({ queryKey: ["nodes"] });
    },
  });
}

const askForUpdate = (id: string) => request<UpdateAgentReply>(`${nodePath(id)}/update-agent`, { method: "POST" });

/** Has the node's agent become the build that the panel serves. */
export function useUpdateAgent(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => askForUpdate(id),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["nodes"] });
      return queries.invalidateQueries({ queryKey: ["node", id] });
    },
  });
}

/** The same for any node, for whoever updates several and looks how it went. */
export function useUpdateAgents() {
  const queries = useQueryClient();
  return {
    ask: askForUpdate,
    look: async (id: string) => {
      const node = await request<NodeDetail>(nodePath(id));
      queries.setQueryData(["node", id], node);
      queries.setQueryData<Page<Node>>(
        ["nodes"],
        (page) => page && { ...page, items: page.items.map((item) => (item.id === id ? node : item)) },
      );
      return node;
    },
  };
}

export function useCreateNode() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: z.input<typeof createNodeBodySchema>) =>
      request<z.infer<typeof createdNodeSchema>>("/api/nodes", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["nodes"] }),
  });
}

export function useUpdateNode(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: z.input<typeof updateNodeBodySchema>) => request<Node>(nodePath(id), { method: "PATCH", body }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["nodes"] });
      return queries.invalidateQueries({ queryKey: ["node", id] });
    },
  });
}

export function useSetNodeMode(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { mode: NodeMode; reason?: string | undefined }) =>
      request<Node>(`${nodePath(id)}/mode`, { method: "POST", body }),
    onSuccess: (node) => {
      queries.setQueryData(["node", id], node);
      void queries.invalidateQueries({ queryKey: ["servers"] });
      return queries.invalidateQueries({ queryKey: ["nodes"] });
    },
  });
}

export function useDeleteNode(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => request<unknown>(nodePath(id), { method: "DELETE" }),
    onSuccess: () => {
      queries.removeQueries({ queryKey: ["node", id] });
      return queries.invalidateQueries({ queryKey: ["nodes"] });
    },
  });
}

/** A new one-time token with the command that installs and enrols the node's agent. */
export function useDeploymentToken() {
  return useMutation({
    mutationFn: (nodeId: string) =>
      request<z.infer<typeof deploymentTokenReplySchema>>(`${nodePath(nodeId)}/deployment-token`, { method: "POST" }),
  });
}

export interface AllocationFilters {
  q: string;
  use: "free" | "used" | undefined;
  ip: string | undefined;
  cursor: string | undefined;
}

export function useAllocations(nodeId: string, filters: AllocationFilters) {
  return useQuery({
    queryKey: ["allocations", nodeId, filters],
    queryFn: ({ signal }) =>
      requestPage<Allocation>(`${nodePath(nodeId)}/allocations`, { query: { ...filters, limit: 100 }, signal }),
    placeholderData: keepPreviousData,
  });
}

/** Takes a range of ports away; those that servers use stay, and are counted. */
export function useDeleteAllocations(nodeId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (range: { ports: string; ip: string }) =>
      request<z.infer<typeof deletedAllocationsSchema>>(`${nodePath(nodeId)}/allocations`, {
        method: "DELETE",
        query: range,
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["allocations", nodeId] }),
  });
}

export function useCreateAllocations(nodeId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: z.input<typeof createAllocationsBodySchema>) =>
      request<unknown>(`${nodePath(nodeId)}/allocations`, { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["allocations", nodeId] }),
  });
}

export function useDeleteAllocation(nodeId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<unknown>(`${nodePath(nodeId)}/allocations/${id}`, { method: "DELETE" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["allocations", nodeId] }),
  });
}

export function useLocations(enabled = true) {
  return useQuery({
    queryKey: ["locations"],
    queryFn: ({ signal }) => requestPage<Location>("/api/locations", { query: { limit: 200 }, signal }),
    enabled,
  });
}

export function useCreateLocation() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: z.input<typeof createLocationBodySchema>) =>
      request<Location>("/api/locations", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["locations"] }),
  });
}
