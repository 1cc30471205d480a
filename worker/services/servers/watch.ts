import { eq } from "drizzle-orm";
import { serverObserved, servers } from "../../../drizzle/schema/index.ts";
import type { ViewerIdentity } from "../../../protocol/hub-rpc.ts";
import { allows, hasGlobal, overseesSuspended } from "../../auth/permissions.ts";
import type { CallerContext, ServerContext } from "../../context.ts";
import { accessServer } from "./access.ts";
import { statusColumn } from "./columns.ts";

async function viewerIdentity(ctx: ServerContext, from: number | null): Promise<ViewerIdentity> {
  const { caller, server } = ctx;
  const [known] = await ctx.db
    .select({ state: statusColumn })
    .from(servers)
    .leftJoin(serverObserved, eq(serverObserved.serverId, servers.id))
    .where(eq(servers.id, server.id));
  const permissions = [...server.permissions];
  if (hasGlobal(caller, "node.view_stats") && !allows(permissions, "*")) permissions.push("node.view_stats");
  return {
    role: "viewer",
    nodeId: server.nodeId,
    serverId: server.id,
    userId: caller.userId,
    credentialId: caller.credential.id,
    permissions,
    seesSuspended: overseesSuspended(caller),
    expiresAt: caller.credential.expiresAt,
    from,
    state: known?.state ?? "stopped",
  };
}

/**
 * Opens a viewer's socket at the hub of the server's node. Every socket of a person goes through here: the direct
 * console and each subscription of the general socket.
 *
 * @param from offset after the last byte the viewer holds, or null for the tail
 * @throws Refusal NOT_FOUND, PERMISSION_DENIED, SERVER_SUSPENDED
 */
export async function watchServer(ctx: CallerContext, serverId: string, from: number | null): Promise<Response> {
  const allowed = await accessServer(ctx, serverId, "console.read");
  const identity = await viewerIdentity(allowed, from);
  return await ctx.hubs.of(identity.nodeId).connect(identity);
}
