import { z } from "zod";
import { idSchema } from "../ids.ts";
import { SERVER_PERMISSIONS } from "../permissions.ts";
import { emailSchema } from "./auth.ts";

const permissionsSchema = z
  .array(z.enum(SERVER_PERMISSIONS))
  .min(1, "choose at least one permission")
  .transform((permissions) => [...new Set(permissions)]);

/** Grants access to a server; the user is named by id or by e-mail address. */
export const createGrantBodySchema = z
  .strictObject({ userId: idSchema.optional(), email: emailSchema.optional(), permissions: permissionsSchema })
  .refine(({ userId, email }) => (userId === undefined) !== (email === undefined), {
    message: "give either userId or email",
    path: ["userId"],
  });
export const updateGrantBodySchema = z.strictObject({ permissions: permissionsSchema });

export const grantSchema = z.object({
  userId: z.string(),
  username: z.string(),
  email: z.string(),
  permissions: z.array(z.string()),
  createdAt: z.iso.datetime(),
});
export type Grant = z.infer<typeof grantSchema>;
