import { z } from "zod";

export const passwordSchema = z.string().min(10, "use at least 10 characters").max(200);
export const emailSchema = z
  .email()
  .max(254)
  .transform((email) => email.toLowerCase());
export const usernameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{2,31}$/, "3 to 32 letters, digits, . _ or -");

export const loginBodySchema = z.strictObject({ email: emailSchema, password: z.string().min(1).max(200) });
export const registerBodySchema = z.strictObject({
  email: emailSchema,
  username: usernameSchema,
  password: passwordSchema,
});

export const userSchema = z.object({
  id: z.string(),
  email: z.string(),
  username: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  createdAt: z.iso.datetime(),
});
export type User = z.infer<typeof userSchema>;

export const loginReplySchema = z.object({ token: z.string(), expiresAt: z.iso.datetime(), user: userSchema });
export const registerReplySchema = z.object({ token: z.string(), userId: z.string() });
export type LoginReply = z.infer<typeof loginReplySchema>;
