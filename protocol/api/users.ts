import { z } from "zod";
import { idSchema } from "../ids.ts";
import { emailSchema, passwordSchema, usernameSchema, userSchema } from "./auth.ts";

/** A user as administrators see them. */
export const userRecordSchema = userSchema.omit({ permissions: true }).extend({
  isBanned: z.boolean(),
  roleIds: z.array(z.string()),
  serverCount: z.number().int(),
});
export type UserRecord = z.infer<typeof userRecordSchema>;

export const createUserBodySchema = z.strictObject({
  email: emailSchema,
  username: usernameSchema,
  password: passwordSchema,
  /** Left out: the role `User`. */
  roleIds: z.array(idSchema).max(20).optional(),
});
export const updateUserBodySchema = z.strictObject({
  isBanned: z.boolean().optional(),
  roleIds: z.array(idSchema).max(20).optional(),
});

export const roleSchema = z.object({
  id: z.string(),
  name: z.string(),
  permissions: z.array(z.string()),
  isPreset: z.boolean(),
});
export type Role = z.infer<typeof roleSchema>;

export const permissionsReplySchema = z.object({ global: z.array(z.string()), server: z.array(z.string()) });
