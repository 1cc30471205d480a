import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";

const BODYLESS_METHODS = new Set(["GET", "HEAD"]);

/**
 * A body of no bytes counts as no body, whatever type it is said to have: many clients send
 * `Content-Type: application/json` with every POST. Where a body is optional that is a valid request.
 */
export const emptyBodyIsNone = createMiddleware<AppEnv>(async (c, next) => {
  const isTyped = c.req.header("content-type") !== undefined;
  if (isTyped && !BODYLESS_METHODS.has(c.req.method) && (await c.req.text()) === "") {
    const headers = new Headers(c.req.raw.headers);
    headers.delete("content-type");
    c.req.raw = new Request(c.req.url, { method: c.req.method, headers });
  }
  await next();
});
