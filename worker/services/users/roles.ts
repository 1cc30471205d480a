import { asc, inArray } from "drizzle-orm";
import { roles } from "../../../drizzle/schema/index.ts";
import type { Role } from "../../../protocol/api/users.ts";
import { allows } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { invalid, Refusal } from "../../errors.ts";

const columns = { id: roles.id, name: roles.name, permissions: roles.permissions, isPreset: roles.isPreset };

export async function listRoles(ctx: CallerContext): Promise<Role[]> {
  return await ctx.db.select(columns).from(roles).orderBy(asc(roles.name));
}

/** Nobody gains power over somebody who holds permissions that they lack. */
export function requireNoMoreThanOwn(ctx: CallerContext, permissions: readonly string[]): void {
  if (permissions.every((permission) => allows(ctx.caller.permissions, permission))) return;
  throw new Refusal("PERMISSION_DENIED", "This would reach permissions that you do not hold yourself.");
}

/** The roles of these ids. @throws Refusal VALIDATION for an unknown one, PERMISSION_DENIED for one above the caller */
export async function assignableRoles(ctx: CallerContext, roleIds: readonly string[]): Promise<Role[]> {
  if (roleIds.length === 0) return [];
  const found = await ctx.db
    .select(columns)
    .from(roles)
    .where(inArray(roles.id, [...roleIds]));
  if (found.length !== new Set(roleIds).size) throw invalid("roleIds", "names a role that does not exist");
  for (const role of found) requireNoMoreThanOwn(ctx, role.permissions);
  return found;
}
