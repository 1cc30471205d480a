import { and, eq, sql } from "drizzle-orm";
import { allocations, nodes, serverObserved, servers, templates, users } from "../../../drizzle/schema/index.ts";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { allows, hasGlobal } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { notFound } from "../../errors.ts";
import { isoTime, serverColumns } from "./columns.ts";
import { visibleEnvironment } from "./environment.ts";

/** One server with what its page needs, as far as the caller may see it. */
export async function getServer(ctx: ServerContext): Promise<ServerDetail> {
  const [row] = await ctx.db
    .select({
      server: serverColumns,
      image: servers.image,
      startup: servers.startup,
      environment: servers.environment,
      template: servers.templateSnapshot,
      ofCrashes: {
        restartPolicy: servers.restartPolicy,
        maxCrashes: servers.maxCrashes,
        crashWindowSeconds: servers.crashWindowSeconds,
        signal: serverObserved.signal,
        oomKilled: sql<boolean>`coalesce(${serverObserved.oomKilled}, false)`,
        crashCount: sql<number>`coalesce(${serverObserved.crashCount}, 0)`,
        restartAt: isoTime<string | null>(serverObserved.restartAt),
      },
    })
    .from(servers)
    .innerJoin(users, eq(users.id, servers.ownerId))
    .innerJoin(nodes, eq(nodes.id, servers.nodeId))
    .innerJoin(templates, eq(templates.id, servers.templateId))
    .leftJoin(serverObserved, eq(serverObserved.serverId, servers.id))
    .leftJoin(allocations, and(eq(allocations.serverId, servers.id), eq(allocations.isPrimary, true)))
    .where(eq(servers.id, ctx.server.id));
  if (!row) throw notFound("server");
  const { permissions } = ctx.server;
  const seesStartup = allows(permissions, "startup.read");
  const environment = visibleEnvironment(row.template, row.environment, hasGlobal(ctx.caller, "admin.write"));
  return {
    ...row.server,
    image: row.image,
    startup: seesStartup ? row.startup : "",
    environment: seesStartup ? environment : {},
    permissions,
    ...row.ofCrashes,
  };
}
