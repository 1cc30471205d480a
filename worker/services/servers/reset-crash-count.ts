import { sql } from "drizzle-orm";
import { servers } from "../../../drizzle/schema/index.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { ServerContext } from "../../context.ts";
import { requireOnServer } from "./access.ts";
import { changeServer } from "./change-server.ts";
import { getServer } from "./get.ts";

/**
 * Lets the node forget the crashes so far: count, limit and waiting time begin anew. It starts nothing. As part of the
 * spec it reaches a node that is offline now when it is back; the count in the answer is the node's last word.
 */
export async function resetCrashCount(ctx: ServerContext): Promise<ServerDetail> {
  requireOnServer(ctx, "server.restart");
  // Each request is later than the one before, whatever the clocks of two edges say.
  const crashResetAt = sql`greatest(${ctx.clock.now()}::bigint, ${servers.crashResetAt} + 1)`;
  await changeServer(ctx, { crashResetAt }, { action: "server.reset_crash_count" });
  return await getServer(ctx);
}
