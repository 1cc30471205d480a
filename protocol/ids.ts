import { z } from "zod";

/** A slug that the creator of a location, node or template may choose. */
export const slugSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "use lower-case letters, digits and dashes, at most 63");

/** An id: UUIDv7 text or a slug; both fit one pattern, so that an id that cannot exist is recognised before a query. */
export const idSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "not an id");

/** An id that a client makes up to correlate a request: a command, a request, an idempotency key. */
export const correlationIdSchema = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, "1 to 128 letters, digits or ._:-");
