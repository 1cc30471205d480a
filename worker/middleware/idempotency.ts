import { createHash } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { correlationIdSchema } from "../../protocol/ids.ts";
import { type AppEnv, callerContext } from "../context.ts";
import { invalid } from "../errors.ts";
import { claimKey, keepAnswer, releaseKey } from "../services/idempotency/claim.ts";
import { establishCaller } from "./authenticate.ts";

/** POSTs that nobody is signed in for: there is no one to keep an answer for. */
const ANONYMOUS = ["/api/auth/login", "/api/auth/register", "/api/agent/"];
/** Answers after which the request was not carried out and may be repeated. */
const PASSING = new Set([401, 403, 423, 429]);

/**
 * Honours `Idempotency-Key` on every POST of a signed-in caller: a retry after a lost answer gets the first answer and
 * repeats nothing. Failures of ours are not kept, so that a retry can succeed.
 */
export const idempotency = createMiddleware<AppEnv>(async (c, next) => {
  const key = c.req.header("idempotency-key");
  if (key === undefined || c.req.method !== "POST" || ANONYMOUS.some((path) => c.req.path.startsWith(path))) {
    return await next();
  }
  if (!correlationIdSchema.safeParse(key).success) throw invalid("Idempotency-Key", "is not 1 to 128 plain characters");
  await establishCaller(c);
  const ctx = callerContext(c);
  const request = [c.req.method, c.req.path, new URL(c.req.url).search, await c.req.text()];
  const claim = await claimKey(ctx, key, createHash("sha256").update(JSON.stringify(request)).digest("hex"));
  if (!claim.isFirst) {
    const { status, text, contentType, setCookie } = claim.answer;
    const headers = new Headers({ "Content-Type": contentType, "Idempotency-Replayed": "true" });
    if (setCookie !== null) headers.set("Set-Cookie", setCookie);
    c.res = new Response(text, { status, headers });
    return;
  }
  await next();
  const { status, headers } = c.res;
  if (status >= 500 || PASSING.has(status)) return await releaseKey(ctx, key);
  await keepAnswer(ctx, key, {
    status,
    text: await c.res.clone().text(),
    contentType: headers.get("content-type") ?? "application/json",
    setCookie: headers.get("set-cookie"),
  });
});
