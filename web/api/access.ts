import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Grant } from "../../protocol/api/access.ts";
import { request, requestPage } from "./client.ts";

const accessKey = (serverId: string) => ["server-access", serverId] as const;

export function useAccess(serverId: string) {
  return useQuery({
    queryKey: accessKey(serverId),
    queryFn: ({ signal }) => requestPage<Grant>(`/api/servers/${serverId}/access`, { signal }),
  });
}

function useAccessChange<Input>(serverId: string, change: (input: Input) => Promise<unknown>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => queries.invalidateQueries({ queryKey: accessKey(serverId) }),
  });
}

export function useCreateGrant(serverId: string) {
  return useAccessChange(serverId, (body: { email: string; permissions: readonly string[] }) =>
    request<Grant>(`/api/servers/${serverId}/access`, { method: "POST", body }),
  );
}

export function useUpdateGrant(serverId: string) {
  return useAccessChange(serverId, ({ userId, permissions }: { userId: string; permissions: readonly string[] }) =>
    request<Grant>(`/api/servers/${serverId}/access/${userId}`, { method: "PATCH", body: { permissions } }),
  );
}

export function useDeleteGrant(serverId: string) {
  return useAccessChange(serverId, (userId: string) =>
    request<unknown>(`/api/servers/${serverId}/access/${userId}`, { method: "DELETE" }),
  );
}
