import { and, eq, sql } from "drizzle-orm";
import { allocations, nodes, serverObserved, servers, templates, users } from "../../../drizzle/schema/index.ts";
import type { ServerDetail, Suspension } from "../../../protocol/api/servers.ts";
import type { PendingChange } from "../../../protocol/resource-limits.ts";
import { allows, hasGlobal, overseesSuspended } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { notFound } from "../../errors.ts";
import { isOlderRun } from "../server-network/running.ts";
import { nodeColumns, serverColumns } from "./columns.ts";
import { offeredImages, visibleEnvironment } from "./environment.ts";
import { toServer } from "./to-server.ts";

/** One server with what its page needs, as far as the caller may see it. */
export async function getServer(ctx: ServerContext): Promise<ServerDetail> {
  const [row] = await ctx.db
    .select({
      server: serverColumns,
      ownerName: users.username,
      templateName: templates.name,
      node: nodeColumns,
      image: servers.image,
      startup: servers.startup,
      environment: servers.environment,
      template: servers.templateSnapshot,
      moreLimits: {
        memoryHeadroomMb: servers.memoryHeadroomMb,
        hasOwnHeadroom: servers.hasOwnHeadroom,
        swapMb: servers.swapMb,
        cpuPinning: servers.cpuPinning,
        ioWeight: servers.ioWeight,
        pidsLimit: servers.pidsLimit,
        openFilesLimit: servers.openFilesLimit,
        stopTimeoutSeconds: servers.stopTimeoutSeconds,
      },
      pendingRestart: sql<PendingChange[]>`coalesce(${serverObserved.pendingRestart}, '[]'::jsonb)`,
      ofCrashes: {
        restartPolicy: servers.restartPolicy,
        maxCrashes: servers.maxCrashes,
        crashWindowSeconds: servers.crashWindowSeconds,
        statusSince: serverObserved.observedAt,
        signal: serverObserved.signal,
        oomKilled: sql<boolean>`coalesce(${serverObserved.oomKilled}, false)`,
        crashCount: sql<number>`coalesce(${serverObserved.crashCount}, 0)`,
        restartAt: serverObserved.restartAt,
      },
      suspended: {
        at: servers.suspendedAt,
        reason: servers.suspendReason,
        byId: servers.suspendedBy,
        byName: servers.suspendedByName,
      },
      ofNode: {
        nodeMode: nodes.mode,
        nodeModeSetAt: nodes.modeSetAt,
        nodeModeReason: nodes.modeReason,
      },
      network: {
        pool: sql<ServerDetail["pool"]>`(
          select json_build_object('id', p.id, 'name', p.name, 'kind', p.kind, 'ip', host(a.ip))
          from pool_addresses a join ip_pools p on p.id = a.pool_id where a.server_id = ${servers.id})`,
        networkAppliesAtNextStart: sql<boolean>`${isOlderRun("server_observed", "servers.network_version")}`,
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
    ...toServer(row.server, row),
    image: row.image,
    images: offeredImages(row.template),
    startup: seesStartup ? row.startup : "",
    environment: seesStartup ? environment : {},
    permissions,
    ...row.ofCrashes,
    statusSince: row.ofCrashes.statusSince?.toISOString() ?? null,
    restartAt: row.ofCrashes.restartAt?.toISOString() ?? null,
    ...row.moreLimits,
    templateStopTimeoutSeconds: row.template.stopTimeoutSeconds,
    pendingRestart: row.pendingRestart,
    suspension: row.server.isSuspended ? suspensionFor(ctx, row.suspended) : null,
    ...row.ofNode,
    nodeModeSetAt: row.ofNode.nodeModeSetAt?.toISOString() ?? null,
    ...row.network,
  };
}

interface SuspendedColumns {
  at: Date | null;
  reason: string | null;
  byId: string | null;
  byName: string | null;
}

/** Sub-users learn that and since when; the owner also why; who did it is told to staff. */
function suspensionFor(ctx: ServerContext, { at, reason, byId, byName }: SuspendedColumns): Suspension {
  const isStaff = overseesSuspended(ctx.caller);
  const isOwner = ctx.server.ownerId === ctx.caller.userId;
  return {
    at: (at ?? new Date(0)).toISOString(),
    reason: isStaff || isOwner ? reason : null,
    by: isStaff && byName !== null ? { id: byId, name: byName } : null,
  };
}
