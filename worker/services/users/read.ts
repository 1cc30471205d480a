import { and, asc, eq, gt, ilike, or, sql } from "drizzle-orm";
import { users } from "../../../drizzle/schema/index.ts";
import type { ListQuery } from "../../../protocol/api/envelope.ts";
import type { UserRecord } from "../../../protocol/api/users.ts";
import type { CallerContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { notFound } from "../../errors.ts";

// Written out, because a single-table select leaves table names away.
const columns = {
  id: users.id,
  email: users.email,
  username: users.username,
  isBanned: users.isBanned,
  createdAt: users.createdAt,
  roles: sql<string[]>`array(select r.name from user_roles ur join roles r on r.id = ur.role_id
    where ur.user_id = users.id order by r.name)`,
  roleIds: sql<string[]>`array(select ur.role_id from user_roles ur where ur.user_id = users.id order by ur.role_id)`,
  serverCount: sql<number>`(select count(*) from servers s where s.owner_id = users.id)::int`,
};

const toRecord = (row: Omit<UserRecord, "createdAt"> & { createdAt: Date }): UserRecord => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
});

export async function listUsers(ctx: CallerContext, { cursor, limit, q }: ListQuery) {
  const after = decodeCursor(cursor, 1);
  const text = q ? containing(q) : null;
  const rows = await ctx.db
    .select(columns)
    .from(users)
    .where(
      and(
        after ? gt(users.id, after[0]!) : undefined,
        text ? or(ilike(users.username, text), ilike(users.email, text)) : undefined,
      ),
    )
    .orderBy(asc(users.id))
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => [row.id], toRecord);
}

export async function getUser(ctx: CallerContext, id: string): Promise<UserRecord> {
  const [row] = await ctx.db.select(columns).from(users).where(eq(users.id, id));
  if (!row) throw notFound("user");
  return toRecord(row);
}
