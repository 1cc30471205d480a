import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import { users } from "../../../drizzle/schema/index.ts";
import type { UserRecord, updateUserBodySchema } from "../../../protocol/api/users.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { auditPart } from "../audit/entry.ts";
import { endSockets } from "../auth/end-sockets.ts";
import { getUser } from "./read.ts";
import { assignableRoles, listRoles, requireNoMoreThanOwn } from "./roles.ts";

type Body = z.output<typeof updateUserBodySchema>;

function authorise(ctx: CallerContext, userId: string, body: Body): void {
  if (body.isBanned !== undefined) requireGlobal(ctx.caller, body.isBanned ? "user.ban" : "user.unban");
  if (body.roleIds !== undefined) requireGlobal(ctx.caller, "user.set_roles");
  if (userId === ctx.caller.userId)
    throw new Refusal("PERMISSION_DENIED", "You cannot ban yourself or change your own roles.");
}

/**
 * Bans, unbans or gives roles.
 *
 * Nobody reaches above themselves, and the last administrator cannot be lost: who changes others is never changed
 * themselves, and only an administrator can change one. A ban or a change of roles ends sockets at once; a ban ends
 * sessions too.
 */
export async function updateUser(ctx: CallerContext, userId: string, body: Body): Promise<UserRecord> {
  authorise(ctx, userId, body);
  const before = await getUser(ctx, userId);
  const held = (await listRoles(ctx)).filter((role) => before.roleIds.includes(role.id));
  for (const role of held) requireNoMoreThanOwn(ctx, role.permissions);
  const roles = body.roleIds === undefined ? null : await assignableRoles(ctx, body.roleIds);

  const isBanned = body.isBanned ?? before.isBanned;
  const now = new Date(ctx.clock.now()).toISOString();
  const details = { username: before.username, isBanned, roles: roles?.map((role) => role.name) ?? before.roles };
  const audit = auditPart(ctx, { action: "user.update", targetType: "user", targetId: userId, details }, sql`true`);
  const roleIds = roles?.map((role) => role.id) ?? before.roleIds;
  const kept = sql.param(roleIds);
  await ctx.db.batch([
    ctx.db.update(users).set({ isBanned }).where(eq(users.id, userId)),
    ctx.db.execute(sql`
      update sessions set revoked_at = ${now}::timestamptz
      where user_id = ${userId} and revoked_at is null and ${isBanned}::boolean`),
    ctx.db.execute(sql`delete from user_roles where user_id = ${userId} and not (role_id = any(${kept}::text[]))`),
    ctx.db.execute(sql`
      insert into user_roles (user_id, role_id) select ${userId}, unnest(${kept}::text[]) on conflict do nothing`),
    ctx.db.execute(audit),
  ]);
  if (isBanned || roles) endSockets(ctx, { userId }, isBanned ? "the account was banned" : "the roles were changed");
  return await getUser(ctx, userId);
}
