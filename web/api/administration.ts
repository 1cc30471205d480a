import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { AuditEntry } from "../../protocol/api/audit.ts";
import type { User } from "../../protocol/api/auth.ts";
import { request, requestPage } from "./client.ts";

/** A user as administrators see them. */
export interface ManagedUser extends User {
  isBanned: boolean;
}

export interface Role {
  id: string;
  name: string;
  permissions: string[];
}

export function useUsers(filters: { q?: string; cursor?: string | undefined }) {
  return useQuery({
    queryKey: ["users", filters],
    queryFn: ({ signal }) => requestPage<ManagedUser>("/api/users", { query: filters, signal }),
    placeholderData: keepPreviousData,
  });
}

export function useRoles() {
  return useQuery({
    queryKey: ["roles"],
    queryFn: ({ signal }) => requestPage<Role>("/api/roles", { signal }),
    staleTime: 60_000,
  });
}

export function useCreateUser() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; username: string; password: string; roles?: string[] }) =>
      request<ManagedUser>("/api/users", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["users"] }),
  });
}

export function useUpdateUser() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: { id: string; isBanned?: boolean; roles?: string[] }) =>
      request<ManagedUser>(`/api/users/${id}`, { method: "PATCH", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["users"] }),
  });
}

export function useAudit(filters: { q?: string; action?: string; cursor?: string | undefined }) {
  return useQuery({
    queryKey: ["audit", filters],
    queryFn: ({ signal }) => requestPage<AuditEntry>("/api/audit", { query: filters, signal }),
    placeholderData: keepPreviousData,
  });
}
