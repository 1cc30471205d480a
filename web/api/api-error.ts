import type { Failure } from "../../protocol/api/envelope.ts";
import type { ErrorCode } from "../../protocol/errors.ts";

/** What can go wrong with a call: a code of the API, or `NETWORK` when no answer came at all. */
export type FailureCode = ErrorCode | "NETWORK";

/** A failed call, with a sentence for a person and the id under which the control plane logged it. */
export class ApiError extends Error {
  readonly code: FailureCode;
  readonly status: number;
  readonly requestId: string | null;
  readonly details: { path: string; message: string }[];
  /** Seconds after which to try again, when the answer said so. */
  readonly retryAfterSeconds: number | null;

  constructor(fields: {
    code: FailureCode;
    message: string;
    status: number;
    requestId?: string | null;
    details?: Failure["details"];
    retryAfterSeconds?: number | null;
  }) {
    super(fields.message);
    this.name = "ApiError";
    this.code = fields.code;
    this.status = fields.status;
    this.requestId = fields.requestId ?? null;
    this.details = fields.details ?? [];
    this.retryAfterSeconds = fields.retryAfterSeconds ?? null;
  }
}

/** Any thrown value as an `ApiError`, so that pages have one kind of failure to show. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError({ code: "NETWORK", status: 0, message: "Something went wrong in the panel. Reload the page." });
}
