import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { TemplateRecord } from "../../protocol/api/templates.ts";
import { request, requestPage } from "./client.ts";

export function useTemplates() {
  return useQuery({
    queryKey: ["templates"],
    queryFn: ({ signal }) => requestPage<TemplateRecord>("/api/templates", { query: { limit: 200 }, signal }),
    staleTime: 30_000,
  });
}

/** One template, whole. */
export function useTemplate(id: string | null) {
  return useQuery({
    queryKey: ["template", id],
    queryFn: ({ signal }) => request<TemplateRecord>(`/api/templates/${id}`, { signal }),
    enabled: id !== null,
    staleTime: 30_000,
  });
}

export function useImportTemplate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: unknown) => request<TemplateRecord>("/api/templates", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["templates"] }),
  });
}

export function useDeleteTemplate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<unknown>(`/api/templates/${id}`, { method: "DELETE" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["templates"] }),
  });
}
