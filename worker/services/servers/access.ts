import { and, eq, sql } from "drizzle-orm";
import { grants, nodes, servers } from "../../../drizzle/schema/index.ts";
import { idSchema } from "../../../protocol/ids.ts";
import type { ServerPermission } from "../../../protocol/permissions.ts";
import {
  allows,
  isLeftBySuspension,
  narrow,
  overseesSuspended,
  refuse,
  serverPermissions,
} from "../../auth/permissions.ts";
import type { CallerContext, ServerContext } from "../../context.ts";
import { notFound, Refusal } from "../../errors.ts";

/**
 * Establishes the caller's right to do something with a server.
 *
 * @throws Refusal NOT_FOUND when the caller may not even see it, so that ids cannot be probed; PERMISSION_DENIED when
 * they may see it but not do this; SERVER_SUSPENDED when nobody but staff may now
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
      nodeMode: nodes.mode,
      granted: sql<string[] | null>`${grants.permissions}`,
    })
    .from(servers)
    .innerJoin(nodes, eq(nodes.id, servers.nodeId))
    .leftJoin(grants, and(eq(grants.serverId, servers.id), eq(grants.userId, ctx.caller.userId)))
    .where(eq(servers.id, serverId));
  if (!row) throw notFound("server");
  const { granted, ...server } = row;
  const ofUser = serverPermissions(ctx.caller, { ...server, granted: granted ?? [] });
  if (ofUser.length === 0) throw notFound("server");
  const permissions = narrow(ofUser, ctx.caller.credential.scopes);
  const allowed = { ...ctx, server: { ...server, permissions } };
  requireOnServer(allowed, permission);
  return allowed;
}

/** @throws Refusal PERMISSION_DENIED, SERVER_SUSPENDED */
export function requireOnServer(ctx: ServerContext, permission: ServerPermission): void {
  if (!allows(ctx.server.permissions, permission)) throw refuse(permission);
  if (!isLeftBySuspension(permission)) requireNotBarred(ctx);
}

/** A suspension bars everybody but staff. @throws Refusal SERVER_SUSPENDED */
export function requireNotBarred(ctx: ServerContext): void {
  if (!overseesSuspended(ctx.caller)) requireNotSuspended(ctx);
}

/** @throws Refusal SERVER_SUSPENDED */
export function requireNotSuspended(ctx: ServerContext): void {
  if (ctx.server.isSuspended) throw new Refusal("SERVER_SUSPENDED", "This server is suspended. Its page says why.");
}

/** @throws Refusal NODE_MAINTENANCE */
export function requireNotHeld(ctx: ServerContext): void {
  if (ctx.server.nodeMode !== "maintenance") return;
  throw new Refusal(
    "NODE_MAINTENANCE",
    "The node of this server is under maintenance. It can be started again when that is over.",
  );
}
