import { z } from "zod";
import { GLOBAL_PERMISSIONS, SERVER_PERMISSIONS } from "../permissions.ts";
import { passwordSchema, usernameSchema } from "./auth.ts";

export const updateMeBodySchema = z.strictObject({ username: usernameSchema.optional() });
export const changePasswordBodySchema = z.strictObject({
  currentPassword: z.string().min(1).max(200),
  newPassword: passwordSchema,
});
export const registrationPolicySchema = z.object({ registration: z.enum(["open", "invite", "closed"]) });

export const sessionSchema = z.object({
  id: z.string(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** The session that asks. */
  isCurrent: z.boolean(),
});
export type Session = z.infer<typeof sessionSchema>;

/** What an API key can be narrowed to: any global or server permission. */
export const scopeSchema = z.enum([...GLOBAL_PERMISSIONS, ...SERVER_PERMISSIONS.filter((p) => !isGlobal(p))]);
function isGlobal(permission: string): boolean {
  return (GLOBAL_PERMISSIONS as readonly string[]).includes(permission);
}

export const createApiKeyBodySchema = z.strictObject({
  name: z.string().trim().min(1).max(100),
  /** Empty: everything its user may do. */
  scopes: z.array(scopeSchema).max(100).default([]),
  expiresAt: z.iso.datetime().optional(),
  /** Addresses and CIDR blocks the key may be used from; empty: anywhere. */
  allowedIps: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .max(50)
    .default([]),
});
export type CreateApiKeyBody = z.input<typeof createApiKeyBodySchema>;

export const apiKeySchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Its first characters, to recognise it. */
  prefix: z.string(),
  scopes: z.array(z.string()),
  allowedIps: z.array(z.string()),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;
/** The key itself is told once, here. */
export const createdApiKeySchema = apiKeySchema.extend({ key: z.string() });
