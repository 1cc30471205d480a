import { and, asc, eq, gt, ilike, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { templates } from "../../../drizzle/schema/index.ts";
import type { ListQuery } from "../../../protocol/api/envelope.ts";
import type { createTemplateBodySchema, TemplateRecord } from "../../../protocol/api/templates.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext, RequestContext } from "../../context.ts";
import { isDuplicate } from "../../db/faults.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { invalid, notFound } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";

type Body = z.output<typeof createTemplateBodySchema>;
type Row = typeof templates.$inferSelect;

const toRecord = (row: Row): TemplateRecord => ({
  ...row.definition,
  id: row.id,
  revision: row.revision,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** Templates are public: whoever thinks of using Catalyst may see what it can run. */
export async function listTemplates(ctx: RequestContext, { cursor, limit, q }: ListQuery) {
  const after = decodeCursor(cursor, 1);
  const rows = await ctx.db
    .select()
    .from(templates)
    .where(and(after ? gt(templates.id, after[0]!) : undefined, q ? ilike(templates.name, containing(q)) : undefined))
    .orderBy(asc(templates.id))
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => [row.id], toRecord);
}

export async function getTemplate(ctx: RequestContext, id: string): Promise<TemplateRecord> {
  const [row] = await ctx.db.select().from(templates).where(eq(templates.id, id));
  if (!row) throw notFound("template");
  return toRecord(row);
}

/** A slug of the name, or a fresh id when nothing of the name can stand in one. */
function idFrom(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63)
    .replace(/-+$/, "");
  return slug || uuidv7();
}

/** Duplicate names are mistakes in the body, as users of the API know it. */
async function refusingDuplicateName<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isDuplicate(error, "templates_name_key")) throw invalid("name", "a template of this name already exists");
    throw error;
  }
}

/** @throws Refusal VALIDATION when servers would begin with an image that they may not have */
function requireOfferedDefault({ image, images, defaultImage }: Body): void {
  const offered = [image, ...images.map((choice) => choice.image)];
  if (defaultImage === undefined || offered.includes(defaultImage)) return;
  throw invalid("defaultImage", "must be the template's image or one of its images");
}

/** @throws Refusal VALIDATION for a duplicate name, CONFLICT for a duplicate id */
export async function createTemplate(ctx: CallerContext, body: Body): Promise<TemplateRecord> {
  requireGlobal(ctx.caller, "template.create");
  requireOfferedDefault(body);
  const definition = { ...body, id: body.id ?? idFrom(body.name) };
  const { id, name } = definition;
  const [[row]] = await refusingDuplicateName(
    ctx.db.batch([
      ctx.db.insert(templates).values({ id, name, definition, createdBy: ctx.caller.userId }).returning(),
      auditEntry(ctx, { action: "template.create", targetType: "template", targetId: id, details: { name } }),
    ]),
  );
  return toRecord(row!);
}

/** Replaces a template. Servers made from it keep what they were made from until they are reinstalled. */
export async function updateTemplate(ctx: CallerContext, id: string, body: Body): Promise<TemplateRecord> {
  requireGlobal(ctx.caller, "template.update");
  if (body.id !== undefined && body.id !== id) throw invalid("id", "a template keeps its id");
  requireOfferedDefault(body);
  await getTemplate(ctx, id);
  const definition = { ...body, id };
  const [[row]] = await refusingDuplicateName(
    ctx.db.batch([
      ctx.db
        .update(templates)
        .set({ name: body.name, definition, revision: sql`${templates.revision} + 1` })
        .where(eq(templates.id, id))
        .returning(),
      auditEntry(ctx, {
        action: "template.update",
        targetType: "template",
        targetId: id,
        details: { name: body.name },
      }),
    ]),
  );
  if (!row) throw notFound("template");
  return toRecord(row);
}

/** @throws Refusal CONFLICT while servers use it */
export async function deleteTemplate(ctx: CallerContext, id: string): Promise<void> {
  requireGlobal(ctx.caller, "template.delete");
  const { name } = await getTemplate(ctx, id);
  await ctx.db.batch([
    ctx.db.delete(templates).where(eq(templates.id, id)),
    auditEntry(ctx, { action: "template.delete", targetType: "template", targetId: id, details: { name } }),
  ]);
}
