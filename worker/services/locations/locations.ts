import { and, asc, eq, gt, ilike } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { locations } from "../../../drizzle/schema/index.ts";
import type { ListQuery } from "../../../protocol/api/envelope.ts";
import type { Location } from "../../../protocol/api/nodes.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { notFound } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";

type Row = typeof locations.$inferSelect;
const toLocation = ({ id, name, description, createdAt }: Row): Location => ({
  id,
  name,
  description,
  createdAt: createdAt.toISOString(),
});

/** Any signed-in user may know where nodes are: it is what a server is chosen by. */
export async function listLocations(ctx: CallerContext, { cursor, limit, q }: ListQuery) {
  const after = decodeCursor(cursor, 1);
  const rows = await ctx.db
    .select()
    .from(locations)
    .where(and(after ? gt(locations.id, after[0]!) : undefined, q ? ilike(locations.name, containing(q)) : undefined))
    .orderBy(asc(locations.id))
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => [row.id], toLocation);
}

export async function getLocation(ctx: CallerContext, id: string): Promise<Location> {
  const [row] = await ctx.db.select().from(locations).where(eq(locations.id, id));
  if (!row) throw notFound("location");
  return toLocation(row);
}

export async function createLocation(
  ctx: CallerContext,
  body: { id?: string | undefined; name: string; description: string },
): Promise<Location> {
  requireGlobal(ctx.caller, "location.create");
  const id = body.id ?? uuidv7();
  const [[row]] = await ctx.db.batch([
    ctx.db.insert(locations).values({ id, name: body.name, description: body.description }).returning(),
    auditEntry(ctx, { action: "location.create", targetType: "location", targetId: id, details: { name: body.name } }),
  ]);
  return toLocation(row!);
}

export async function updateLocation(
  ctx: CallerContext,
  id: string,
  changes: { name?: string | undefined; description?: string | undefined },
): Promise<Location> {
  requireGlobal(ctx.caller, "location.update");
  const current = await getLocation(ctx, id);
  const next = { name: changes.name ?? current.name, description: changes.description ?? current.description };
  const [[row]] = await ctx.db.batch([
    ctx.db.update(locations).set(next).where(eq(locations.id, id)).returning(),
    auditEntry(ctx, { action: "location.update", targetType: "location", targetId: id, details: { ...changes } }),
  ]);
  if (!row) throw notFound("location");
  return toLocation(row);
}

/** @throws Refusal CONFLICT while nodes are in it */
export async function deleteLocation(ctx: CallerContext, id: string): Promise<void> {
  requireGlobal(ctx.caller, "location.delete");
  const { name } = await getLocation(ctx, id);
  await ctx.db.batch([
    ctx.db.delete(locations).where(eq(locations.id, id)),
    auditEntry(ctx, { action: "location.delete", targetType: "location", targetId: id, details: { name } }),
  ]);
}
