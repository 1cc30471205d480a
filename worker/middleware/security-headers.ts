import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";

/** Answers of the API are data: no page may frame them, run them or keep them. */
const HEADERS: Record<string, string> = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

/** Sets the headers that an answer has not set itself. */
export const securityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (c.res.status === 101) return;
  for (const [name, value] of Object.entries(HEADERS)) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  if (c.get("ctx").origin.startsWith("https:")) {
    c.res.headers.set("Strict-Transport-Security", "max-age=31536000");
  }
});
