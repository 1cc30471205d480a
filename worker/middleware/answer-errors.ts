import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Failure } from "../../protocol/api/envelope.ts";
import type { AppEnv } from "../context.ts";
import { refusalOfDatabase } from "../db/faults.ts";
import { Refusal } from "../errors.ts";
import { logFault } from "../log.ts";

/** The refusal that an error is answered with, whatever was thrown. Nothing of an unforeseen error's text is in it. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const ofDatabase = refusalOfDatabase(error);
  if (ofDatabase) return ofDatabase;
  if (error instanceof HTTPException) {
    if (error.status === 413) return new Refusal("BODY_TOO_LARGE", "The request body is too large.");
    if (error.status === 415)
      return new Refusal("VALIDATION", "Send the body as JSON (Content-Type: application/json).");
    if (error.status < 500) return new Refusal("VALIDATION", "The request body is not valid JSON.");
  }
  return new Refusal("INTERNAL", "Something went wrong on our side.");
}

/** Whether the operator should hear of it: a node that is away is no fault, an unforeseen error is. */
export const isFault = (refusal: Refusal) =>
  refusal.status >= 500 && (refusal.code === "INTERNAL" || refusal.internal !== undefined);

/** The one place where an error becomes an answer. */
export function answerError(error: unknown, c: Context<AppEnv>): Response {
  const refusal = refusalOf(error);
  const requestId = c.get("ctx")?.requestId ?? "unknown";
  if (isFault(refusal)) logFault("request failed", requestId, error);
  const body: Failure = { success: false, error: refusal.message, code: refusal.code, requestId };
  if (refusal.details) body.details = refusal.details;
  if (refusal.retryAfterSeconds !== undefined) c.header("Retry-After", String(refusal.retryAfterSeconds));
  return c.json(body, refusal.status as ContentfulStatusCode);
}
