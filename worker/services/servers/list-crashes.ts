import { and, desc, eq, lt } from "drizzle-orm";
import { serverCrashes } from "../../../drizzle/schema/index.ts";
import type { ServerCrash } from "../../../protocol/api/servers.ts";
import { allows } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { decodeCursor, pageOf } from "../../db/page.ts";
import { invalid } from "../../errors.ts";
import { requireOnServer } from "./access.ts";

/** The crashes that are kept of a server, newest first. Console text is shown to those alone who may read the console. */
export async function listCrashes(
  ctx: ServerContext,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
) {
  requireOnServer(ctx, "server.read");
  const after = decodeCursor(cursor, 1);
  if (after && !/^\d{1,15}$/.test(after[0]!)) throw invalid("cursor", "is not a cursor of this list");
  const rows = await ctx.db
    .select()
    .from(serverCrashes)
    .where(and(eq(serverCrashes.serverId, ctx.server.id), after ? lt(serverCrashes.id, Number(after[0])) : undefined))
    .orderBy(desc(serverCrashes.id))
    .limit(limit + 1);
  const seesConsole = allows(ctx.server.permissions, "console.read");
  const toCrash = (row: (typeof rows)[number]): ServerCrash => ({
    id: String(row.id),
    at: row.crashedAt.toISOString(),
    exitCode: row.exitCode,
    signal: row.signal,
    oomKilled: row.oomKilled,
    runTimeMs: row.runTimeMs,
    crashCount: row.crashCount,
    restartAt: row.restartAt?.toISOString() ?? null,
    lastLines: seesConsole ? row.lastLines : null,
  });
  return pageOf(rows, limit, (row) => [String(row.id)], toCrash);
}
