import type { Context } from "hono";
import { z } from "zod";
import { isOwnOrigin } from "../auth/credential.ts";
import { type AppEnv, callerContext } from "../context.ts";
import { invalid, Refusal } from "../errors.ts";
import { establishCaller, ownOrigins } from "../middleware/authenticate.ts";
import { watchServer } from "../services/servers/watch.ts";
import { refuseUpgrade } from "../sockets/refuse.ts";
import { newRouter } from "./contract.ts";

const fromSchema = z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).nullable();

export const consoleSocketRoutes = newRouter();

export const isUpgrade = (c: Context<AppEnv>) => c.req.header("upgrade")?.toLowerCase() === "websocket";

/** @throws Refusal PERMISSION_DENIED for an upgrade by cookie from another site's page */
export function requireOwnOrigin(c: Context<AppEnv>): void {
  if (c.get("credential")?.viaCookie && !isOwnOrigin(c.req.raw.headers, ownOrigins(c))) {
    throw new Refusal("PERMISSION_DENIED", "This socket was opened from another site.");
  }
}

/** The direct socket of one server: after the introduction the Worker is out of the way. */
consoleSocketRoutes.get("/api/servers/:id/console", async (c) => {
  if (!isUpgrade(c)) throw invalid("Upgrade", "this address only speaks WebSocket");
  try {
    await establishCaller(c);
    requireOwnOrigin(c);
    const from = fromSchema.safeParse(c.req.query("from") ?? null);
    if (!from.success) throw invalid("from", "must be a byte offset");
    return await watchServer(callerContext(c), c.req.param("id"), from.data);
  } catch (error) {
    return refuseUpgrade(c.get("sockets"), error);
  }
});
