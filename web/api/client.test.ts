import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "./api-error.ts";
import { request, requestPage, setUnauthenticatedHandler } from "./client.ts";

const fetched = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();
const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const failure = (code: string, error: string, more: object = {}) => ({
  success: false,
  error,
  code,
  requestId: "r-1",
  ...more,
});
const headersOf = (call: number) => fetched.mock.calls[call]?.[1].headers as Record<string, string>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", fetched);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  fetched.mockReset();
  setUnauthenticatedHandler(() => {});
});

describe("a call", () => {
  test("returns the data, and a list its cursor", async () => {
    fetched.mockResolvedValueOnce(answer(200, { success: true, data: { id: "a" } }));
    expect(await request("/api/servers/a")).toEqual({ id: "a" });
    fetched.mockResolvedValueOnce(answer(200, { success: true, data: [1], page: { nextCursor: "c" } }));
    expect(await requestPage("/api/servers", { query: { q: "x y", cursor: undefined, limit: 5 } })).toEqual({
      items: [1],
      nextCursor: "c",
      total: null,
    });
    expect(fetched.mock.calls[1]?.[0]).toBe("/api/servers?q=x+y&limit=5");
  });

  test("that changes something carries the CSRF header, and a POST a key of its own", async () => {
    fetched.mockImplementation(async () => answer(200, { success: true, data: null }));
    await request("/api/x");
    await request("/api/x", { method: "PATCH", body: { a: 1 } });
    await request("/api/x", { method: "POST" });
    await request("/api/x", { method: "POST" });
    expect(headersOf(0)["x-catalyst-csrf"]).toBeUndefined();
    expect(headersOf(1)).toMatchObject({ "x-catalyst-csrf": "1", "content-type": "application/json" });
    expect(headersOf(1)["idempotency-key"]).toBeUndefined();
    expect(headersOf(2)["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
    expect(headersOf(2)["idempotency-key"]).not.toBe(headersOf(3)["idempotency-key"]);
    expect(fetched.mock.calls[0]?.[1].credentials).toBe("same-origin");
  });

  test("that was refused says why, where, and under which id", async () => {
    const details = [{ path: "name", message: "is required" }];
    fetched.mockResolvedValueOnce(answer(400, failure("VALIDATION", "Wrong.", { details }), { "retry-after": "7" }));
    const error = await request("/api/servers", { method: "POST", body: {} }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      code: "VALIDATION",
      message: "Wrong.",
      status: 400,
      requestId: "r-1",
      details,
      retryAfterSeconds: 7,
    });
  });

  test("whose session has ended tells the page; a wrong password does not", async () => {
    const ended = vi.fn();
    setUnauthenticatedHandler(ended);
    fetched.mockResolvedValueOnce(answer(401, failure("INVALID_CREDENTIALS", "Wrong password.")));
    await expect(request("/api/auth/login", { method: "POST" })).rejects.toThrow("Wrong password.");
    expect(ended).not.toHaveBeenCalled();
    fetched.mockResolvedValueOnce(answer(401, failure("AUTH_EXPIRED", "Sign in again.")));
    await expect(request("/api/servers")).rejects.toThrow("Sign in again.");
    expect(ended).toHaveBeenCalledOnce();
  });

  test("without an answer is repeated once, with the same key, when repeating is safe", async () => {
    fetched.mockRejectedValueOnce(new TypeError("network"));
    fetched.mockResolvedValueOnce(answer(200, { success: true, data: 1 }));
    const posted = request("/api/servers/a/start", { method: "POST" });
    await vi.runAllTimersAsync();
    expect(await posted).toBe(1);
    expect(headersOf(0)["idempotency-key"]).toBe(headersOf(1)["idempotency-key"]);

    fetched.mockRejectedValueOnce(new TypeError("network"));
    const deleted = request("/api/servers/a", { method: "DELETE" }).catch((reason: unknown) => reason);
    await vi.runAllTimersAsync();
    expect(await deleted).toMatchObject({ code: "NETWORK", status: 0 });
    expect(fetched).toHaveBeenCalledTimes(3);
  });

  test("whose answer is no JSON fails in words", async () => {
    fetched.mockResolvedValueOnce(new Response("<html>", { status: 502 }));
    await expect(request("/api/servers")).rejects.toMatchObject({ code: "INTERNAL", status: 502 });
  });
});
