import { and, asc, eq, type SQLWrapper, sql } from "drizzle-orm";
import type { z } from "zod";
import { grants, users } from "../../../drizzle/schema/index.ts";
import type { createGrantBodySchema, Grant } from "../../../protocol/api/access.ts";
import { CLOSE } from "../../../protocol/close-codes.ts";
import { allows } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { invalid, notFound, Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { requireOnServer } from "../servers/access.ts";

const columns = {
  userId: grants.userId,
  username: users.username,
  email: users.email,
  permissions: grants.permissions,
  createdAt: grants.createdAt,
};

const toGrant = (row: Omit<Grant, "createdAt"> & { createdAt: Date }): Grant => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
});

export async function listGrants(ctx: ServerContext): Promise<Grant[]> {
  requireOnServer(ctx, "access.read");
  const rows = await ctx.db
    .select(columns)
    .from(grants)
    .innerJoin(users, eq(users.id, grants.userId))
    .where(eq(grants.serverId, ctx.server.id))
    .orderBy(asc(users.username));
  return rows.map(toGrant);
}

const isOf = (ctx: ServerContext, userId: string) => and(eq(grants.serverId, ctx.server.id), eq(grants.userId, userId));

async function findGrant(ctx: ServerContext, userId: string): Promise<Grant> {
  const [row] = await ctx.db
    .select(columns)
    .from(grants)
    .innerJoin(users, eq(users.id, grants.userId))
    .where(isOf(ctx, userId));
  if (!row) throw notFound("grant");
  return toGrant(row);
}

/** Nobody hands out, changes or takes away more than they hold themselves. */
function requireWithinOwn(ctx: ServerContext, permissions: readonly string[]): void {
  const beyond = permissions.filter((permission) => !allows(ctx.server.permissions, permission));
  if (beyond.length > 0) {
    throw new Refusal("PERMISSION_DENIED", `You do not hold ${beyond.join(", ")} on this server yourself.`);
  }
}

function requireOther(ctx: ServerContext, userId: string): void {
  if (userId === ctx.server.ownerId) throw invalid("userId", "the owner has every permission already");
  if (userId === ctx.caller.userId) throw new Refusal("PERMISSION_DENIED", "You cannot change your own access.");
}

/**
 * Carries out a statement on grants, which is audited if it changed one: of two at the same moment only one may.
 *
 * @returns whether it changed one
 */
async function changeGrant(
  ctx: ServerContext,
  change: SQLWrapper,
  action: string,
  userId: string,
  details: Record<string, unknown>,
): Promise<boolean> {
  const audited = { action, targetType: "user", targetId: userId, serverId: ctx.server.id, details };
  const { rows } = await ctx.db.execute(sql`
    with changed as (${change.getSQL()}),
    audited as (${auditPart(ctx, audited, sql`exists (select from changed)`)})
    select from changed`);
  return rows.length > 0;
}

/** Grants access to an existing user. @throws Refusal CONFLICT when they have a grant already */
export async function createGrant(ctx: ServerContext, body: z.output<typeof createGrantBodySchema>): Promise<Grant> {
  requireOnServer(ctx, "access.create");
  requireWithinOwn(ctx, body.permissions);
  const isUser = body.userId !== undefined ? eq(users.id, body.userId) : eq(users.email, body.email ?? "");
  const [user] = await ctx.db.select({ id: users.id, username: users.username }).from(users).where(isUser);
  if (!user) throw notFound("user");
  requireOther(ctx, user.id);
  const { permissions } = body;
  const grant = { serverId: ctx.server.id, userId: user.id, permissions };
  const insert = ctx.db.insert(grants).values(grant).onConflictDoNothing().returning({ userId: grants.userId });
  const details = { username: user.username, permissions };
  const isMade = await changeGrant(ctx, insert, "access.create", user.id, details);
  if (!isMade) throw new Refusal("CONFLICT", "This user has access already. Change it instead.");
  return await findGrant(ctx, user.id);
}

/** Live sockets carry the permissions they were opened with, so they end and come back with the new ones. */
function endSocketsOf(ctx: ServerContext, userId: string, code: number, reason: string): void {
  ctx.background(ctx.hubs.of(ctx.server.nodeId).revoke({ userId, serverId: ctx.server.id }, code, reason));
}

export async function updateGrant(ctx: ServerContext, userId: string, permissions: string[]): Promise<Grant> {
  requireOnServer(ctx, "access.update");
  requireOther(ctx, userId);
  const before = await findGrant(ctx, userId);
  requireWithinOwn(ctx, [...before.permissions, ...permissions]);
  const details = { username: before.username, from: before.permissions, to: permissions };
  const update = ctx.db
    .update(grants)
    .set({ permissions })
    .where(isOf(ctx, userId))
    .returning({ userId: grants.userId });
  if (!(await changeGrant(ctx, update, "access.update", userId, details))) throw notFound("grant");
  endSocketsOf(ctx, userId, CLOSE.RESTART, "your access was changed");
  return { ...before, permissions };
}

export async function deleteGrant(ctx: ServerContext, userId: string): Promise<void> {
  requireOnServer(ctx, "access.delete");
  requireOther(ctx, userId);
  const before = await findGrant(ctx, userId);
  requireWithinOwn(ctx, before.permissions);
  const removal = ctx.db.delete(grants).where(isOf(ctx, userId)).returning({ userId: grants.userId });
  const isRemoved = await changeGrant(ctx, removal, "access.delete", userId, { username: before.username });
  if (!isRemoved) throw notFound("grant");
  endSocketsOf(ctx, userId, CLOSE.FORBIDDEN, "your access was taken away");
}
