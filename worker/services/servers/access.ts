import { and, eq, sql } from "drizzle-orm";
import { grants, servers } from "../../../drizzle/schema/index.ts";
import { idSchema } from "../../../protocol/ids.ts";
import type { ServerPermission } from "../../../protocol/permissions.ts";
import { allows, narrow, refuse, serverPermissions } from "../../auth/permissions.ts";
import type { CallerContext, ServerContext } from "../../context.ts";
import { notFound, Refusal } from "../../errors.ts";

/**
 * Establishes the caller's right to do something with a server.
 *
 * @throws Refusal NOT_FOUND when the caller may not even see it, so that ids cannot be probed; PERMISSION_DENIED when
 * they may see it but not do this
 */
export async function accessServer(
  ctx: CallerContext,
  serverId: string,
  permission: ServerPermission,
): Promise<ServerContext> {
  if (!idSchema.safeParse(serverId).success) throw notFound("server");
  const [row] = await ctx.db
    .select({
      id: servers.id,
      name: servers.name,
      nodeId: servers.nodeId,
      ownerId: servers.ownerId,
      isSuspended: servers.isSuspended,
      granted: sql<string[] | null>`${grants.permissions}`,
    })
    .from(servers)
    .leftJoin(grants, and(eq(grants.serverId, servers.id), eq(grants.userId, ctx.caller.userId)))
    .where(eq(servers.id, serverId));
  if (!row) throw notFound("server");
  const { granted, ...server } = row;
  const ofUser = serverPermissions(ctx.caller, { ownerId: row.ownerId, granted: granted ?? [] });
  if (ofUser.length === 0) throw notFound("server");
  const permissions = narrow(ofUser, ctx.caller.credential.scopes);
  if (!allows(permissions, permission)) throw refuse(permission);
  return { ...ctx, server: { ...server, permissions } };
}

/** @throws Refusal PERMISSION_DENIED */
export function requireOnServer(ctx: ServerContext, permission: ServerPermission): void {
  if (!allows(ctx.server.permissions, permission)) throw refuse(permission);
}

/** @throws Refusal SERVER_SUSPENDED */
export function requireNotSuspended(ctx: ServerContext): void {
  if (ctx.server.isSuspended) throw new Refusal("SERVER_SUSPENDED", "This server is suspended.");
}
