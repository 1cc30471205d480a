import { z } from "zod";
import { templateSchema } from "../template.ts";

/** A template as stored, with what the control plane knows of it. */
export const templateRecordSchema = templateSchema.extend({
  revision: z.number().int().positive(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type TemplateRecord = z.infer<typeof templateRecordSchema>;

/** The id may be left out: one is made from the name. */
export const createTemplateBodySchema = templateSchema.extend({ id: templateSchema.shape.id.optional() });
/** A whole template; an id, if given, must be the path's. */
export const updateTemplateBodySchema = createTemplateBodySchema;
