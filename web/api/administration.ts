import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { z } from "zod";
import type { AuditEntry } from "../../protocol/api/audit.ts";
import type { createUserBodySchema, Role, UserRecord, updateUserBodySchema } from "../../protocol/api/users.ts";
import { request, requestPage } from "./client.ts";

export function useUsers(filters: { q?: string; cursor?: string | undefined }) {
  return useQuery({
    queryKey: ["users", filters],
    queryFn: ({ signal }) => requestPage<UserRecord>("/api/users", { query: filters, signal }),
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
    mutationFn: (body: z.input<typeof createUserBodySchema>) =>
      request<UserRecord>("/api/users", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["users"] }),
  });
}

export function useUpdateUser() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: { id: string } & z.input<typeof updateUserBodySchema>) =>
      request<UserRecord>(`/api/users/${id}`, { method: "PATCH", body }),
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
