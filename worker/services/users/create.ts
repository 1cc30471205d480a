import { eq, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { roles, userRoles, users } from "../../../drizzle/schema/index.ts";
import type { createUserBodySchema, UserRecord } from "../../../protocol/api/users.ts";
import { hashPassword } from "../../auth/password.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { getUser } from "./read.ts";
import { assignableRoles } from "./roles.ts";

/** Makes an account for somebody. Without roles named, they get the preset `User`. */
export async function createUser(ctx: CallerContext, body: z.output<typeof createUserBodySchema>): Promise<UserRecord> {
  requireGlobal(ctx.caller, "user.create");
  if (body.roleIds !== undefined) requireGlobal(ctx.caller, "user.set_roles");
  const chosen = body.roleIds ? await assignableRoles(ctx, body.roleIds) : await defaultRoles(ctx);
  const id = uuidv7();
  const { email, username } = body;
  const passwordHash = await hashPassword(body.password);
  const audit = auditEntry(ctx, {
    action: "user.create",
    targetType: "user",
    targetId: id,
    details: { username, roles: chosen.map((role) => role.name) },
  });
  const user = ctx.db.insert(users).values({ id, email, username, passwordHash });
  const links = chosen.map((role) => ({ userId: id, roleId: role.id }));
  if (links.length > 0) await ctx.db.batch([user, ctx.db.insert(userRoles).values(links), audit]);
  else await ctx.db.batch([user, audit]);
  return await getUser(ctx, id);
}

async function defaultRoles(ctx: CallerContext) {
  return await ctx.db
    .select({ id: roles.id, name: roles.name })
    .from(roles)
    .where(sql`${eq(roles.name, "User")} and ${roles.isPreset}`);
}
