import { z } from "zod";
import { ERROR_CODES } from "../errors.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../limits.ts";

/** Every successful answer. */
export const success = <T extends z.ZodType>(data: T) => z.object({ success: z.literal(true), data });

export const pageSchema = z.object({ nextCursor: z.string().nullable(), total: z.number().int().optional() });
/** A successful list. */
export const successPage = <T extends z.ZodType>(item: T) =>
  z.object({ success: z.literal(true), data: z.array(item), page: pageSchema });

/** Every failure. */
export const failureSchema = z.object({
  success: z.literal(false),
  error: z.string(),
  code: z.enum(ERROR_CODES),
  requestId: z.string(),
  details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Failure = z.infer<typeof failureSchema>;

export const listQuerySchema = z.object({
  cursor: z.string().max(500).optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  q: z.string().max(100).optional(),
});
export type ListQuery = z.infer<typeof listQuerySchema>;
