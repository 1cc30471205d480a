import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./api-error.ts";

/** How often pages ask again while they are looked at. */
export const LIST_POLL_MS = 5_000;

const RETRIES = 2;

/** Only what may go differently next time is tried again: a refusal stays a refusal. */
function shouldRetry(failures: number, error: unknown): boolean {
  if (failures >= RETRIES) return false;
  return !(error instanceof ApiError) || error.code === "NETWORK" || error.status >= 500;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: shouldRetry, staleTime: 2_000, refetchOnWindowFocus: true, refetchIntervalInBackground: false },
    mutations: { retry: false },
  },
});
