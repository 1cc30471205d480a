import type { ReactNode } from "react";
import { toApiError } from "../api/api-error.ts";
import { FailureNotice } from "./failure-notice.tsx";

/**
 * How a form shows that its request failed: what is said of a field stands at the field, and anything else in a notice.
 *
 * @param error of the request; null when none failed.
 */
export function formFailure(error: unknown): { notice: ReactNode; errorAt: (path: string) => string | undefined } {
  const failure = error ? toApiError(error) : null;
  return {
    notice: failure && failure.details.length === 0 && <FailureNotice error={failure} />,
    errorAt: (path) => failure?.details.find((detail) => detail.path === path)?.message,
  };
}
