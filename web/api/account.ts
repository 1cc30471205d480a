import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { z } from "zod";
import type { ApiKey, CreateApiKeyBody, createdApiKeySchema, Session } from "../../protocol/api/account.ts";
import type { LoginReply, User } from "../../protocol/api/auth.ts";
import { ApiError } from "./api-error.ts";
import { request } from "./client.ts";

const ME = ["me"] as const;

/** Forgets what another user may have seen. Who is signed in stays: pages are watching that very entry. */
function forgetEverythingElse(queries: QueryClient): void {
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== ME[0] });
}

/** Who is signed in; `null` when nobody is. */
export function useMe() {
  return useQuery({
    queryKey: ME,
    queryFn: async ({ signal }) => {
      try {
        return await request<User>("/api/auth/me", { signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: 60_000,
  });
}

/** Whether somebody may make an account without an administrator: `open`, `invite` or `closed`. */
export function useRegistrationPolicy() {
  return useQuery({
    queryKey: ["registration-policy"],
    queryFn: ({ signal }) => request<{ registration: "open" | "invite" | "closed" }>("/api/auth/policy", { signal }),
    staleTime: 5 * 60_000,
    retry: false,
  });
}

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; password: string }) =>
      request<LoginReply>("/api/auth/login", { method: "POST", body }),
    onSuccess: (reply) => {
      forgetEverythingElse(queries);
      queries.setQueryData(ME, reply.user);
    },
  });
}

export function useRegister() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; username: string; password: string }) =>
      request<{ userId: string }>("/api/auth/register", { method: "POST", body }),
    onSuccess: async () => {
      forgetEverythingElse(queries);
      await queries.fetchQuery({ queryKey: ME, queryFn: () => request<User>("/api/auth/me"), staleTime: 0 });
    },
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => request<unknown>("/api/auth/logout", { method: "POST" }),
    onSettled: () => {
      forgetEverythingElse(queries);
      queries.setQueryData(ME, null);
    },
  });
}

export function useUpdateProfile() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { username: string }) => request<User>("/api/auth/me", { method: "PATCH", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ME }),
  });
}

export function useChangePassword() {
  return useMutation({
    mutationFn: (body: { currentPassword: string; newPassword: string }) =>
      request<unknown>("/api/auth/me/password", { method: "POST", body }),
  });
}

export function useSessions() {
  return useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => request<Session[]>("/api/auth/sessions", { signal }),
  });
}

export function useRevokeSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<unknown>(`/api/auth/sessions/${id}`, { method: "DELETE" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["sessions"] }),
  });
}

export function useApiKeys() {
  return useQuery({
    queryKey: ["api-keys"],
    queryFn: ({ signal }) => request<ApiKey[]>("/api/auth/api-keys", { signal }),
  });
}

export function useCreateApiKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: CreateApiKeyBody) =>
      request<z.infer<typeof createdApiKeySchema>>("/api/auth/api-keys", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["api-keys"] }),
  });
}

export function useDeleteApiKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<unknown>(`/api/auth/api-keys/${id}`, { method: "DELETE" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["api-keys"] }),
  });
}

/** Whether a user's roles allow something everywhere. The control plane decides; this only hides what it would refuse. */
export function can(user: User | null | undefined, permission: string): boolean {
  return Boolean(user && (user.permissions.includes("*") || user.permissions.includes(permission)));
}
