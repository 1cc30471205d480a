/**
 * The panel's one way to the control plane: typed fetch with the session cookie.
 *
 * Unsafe methods carry the CSRF header, and POSTs an idempotency key, so that a retry after a lost answer repeats
 * nothing. The key belongs to the attempt of a person (one press of a button), not to the network request.
 */
import type { Failure } from "../../protocol/api/envelope.ts";
import { ApiError } from "./api-error.ts";

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
  total: number | null;
}

interface CallOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal | undefined;
  /** Overrides the key made up for a POST. */
  idempotencyKey?: string;
}

type Envelope = { success: true; data: unknown; page?: { nextCursor: string | null; total?: number } } | Failure;

let onUnauthenticated: () => void = () => {};
/** Registers what happens when the session turns out to have ended. */
export function setUnauthenticatedHandler(handler: () => void): void {
  onUnauthenticated = handler;
}

/** Unlike `crypto.randomUUID`, works on plain http to a LAN address too. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function address(path: string, query: CallOptions["query"]): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

const RETRY_AFTER_NETWORK_FAILURE_MS = 600;

async function send(path: string, options: CallOptions): Promise<Response> {
  const method = options.method ?? "GET";
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") headers["x-catalyst-csrf"] = "1";
  if (method === "POST") headers["idempotency-key"] = options.idempotencyKey ?? randomId();
  if (options.body !== undefined) headers["content-type"] = "application/json";
  const request: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.body !== undefined) request.body = JSON.stringify(options.body);
  if (options.signal) request.signal = options.signal;
  const url = address(path, options.query);
  try {
    return await fetch(url, request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    // One more try is safe: reads change nothing and a POST's idempotency key makes its repetition an answer.
    if (method === "GET" || method === "POST") {
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_NETWORK_FAILURE_MS));
      const second = await fetch(url, request).catch(() => null);
      if (second) return second;
    }
    throw new ApiError({
      code: "NETWORK",
      status: 0,
      message: "The control plane cannot be reached. Check your connection; your game servers keep running.",
    });
  }
}

async function call(path: string, options: CallOptions): Promise<Extract<Envelope, { success: true }>> {
  const response = await send(path, options);
  const envelope = (await response.json().catch(() => null)) as Envelope | null;
  if (response.ok && envelope?.success) return envelope;
  const failure = envelope && !envelope.success ? envelope : null;
  const retryAfter = Number(response.headers.get("retry-after"));
  const error = new ApiError({
    code: failure?.code ?? "INTERNAL",
    status: response.status,
    message:
      failure?.error ?? `The control plane gave an answer that the panel does not understand (${response.status}).`,
    requestId: failure?.requestId ?? response.headers.get("x-request-id"),
    details: failure?.details,
    retryAfterSeconds: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  });
  if (error.code === "UNAUTHENTICATED" || error.code === "AUTH_EXPIRED") onUnauthenticated();
  throw error;
}

/** Calls the API and returns the answer's `data`. @throws {ApiError} */
export async function request<T>(path: string, options: CallOptions = {}): Promise<T> {
  return (await call(path, options)).data as T;
}

/** Calls a list of the API. @throws {ApiError} */
export async function requestPage<T>(path: string, options: CallOptions = {}): Promise<Page<T>> {
  const { data, page } = await call(path, options);
  return { items: data as T[], nextCursor: page?.nextCursor ?? null, total: page?.total ?? null };
}
