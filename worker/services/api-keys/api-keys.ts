import { and, desc, eq } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { apiKeys } from "../../../drizzle/schema/index.ts";
import type { ApiKey, createApiKeyBodySchema } from "../../../protocol/api/account.ts";
import { API_KEY_PREFIX } from "../../auth/credential.ts";
import { newSecret, secretHash } from "../../auth/secret.ts";
import type { CallerContext } from "../../context.ts";
import { invalid, notFound, Refusal } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { endSockets } from "../auth/end-sockets.ts";

const KEYS_PER_USER_MAX = 100;
const SHOWN_CHARS = 12;

const toApiKey = (row: typeof apiKeys.$inferSelect): ApiKey => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  scopes: row.scopes,
  allowedIps: row.allowedIps,
  expiresAt: row.expiresAt?.toISOString() ?? null,
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
});

/** The caller's own keys, newest first. */
export async function listApiKeys(ctx: CallerContext): Promise<ApiKey[]> {
  const rows = await ctx.db
    .select()
    .from(apiKeys)
    .where(eq(apiKeys.userId, ctx.caller.userId))
    .orderBy(desc(apiKeys.createdAt))
    .limit(KEYS_PER_USER_MAX);
  return rows.map(toApiKey);
}

/** Makes a key, told in this answer alone. It can never do more than its user. */
export async function createApiKey(ctx: CallerContext, body: z.output<typeof createApiKeyBodySchema>) {
  const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
  if (expiresAt && expiresAt.getTime() <= ctx.clock.now()) throw invalid("expiresAt", "lies in the past");
  if ((await listApiKeys(ctx)).length >= KEYS_PER_USER_MAX) {
    throw new Refusal("QUOTA_EXCEEDED", `You have ${KEYS_PER_USER_MAX} API keys already. Delete one first.`);
  }
  const key = newSecret(API_KEY_PREFIX);
  const id = uuidv7();
  const { name, scopes, allowedIps } = body;
  const [[row]] = await ctx.db.batch([
    ctx.db
      .insert(apiKeys)
      .values({
        ...{ id, name, scopes, allowedIps, expiresAt, userId: ctx.caller.userId },
        keyHash: secretHash(key),
        prefix: key.slice(0, SHOWN_CHARS),
      })
      .returning(),
    auditEntry(ctx, { action: "api_key.create", targetType: "api_key", targetId: id, details: { name, scopes } }),
  ]);
  return { ...toApiKey(row!), key };
}

/** Ends one of the caller's own keys: requests and sockets by it at once. */
export async function deleteApiKey(ctx: CallerContext, id: string): Promise<void> {
  const isOwn = and(eq(apiKeys.id, id), eq(apiKeys.userId, ctx.caller.userId));
  const [found] = await ctx.db.select({ name: apiKeys.name }).from(apiKeys).where(isOwn);
  if (!found) throw notFound("API key");
  await ctx.db.batch([
    ctx.db.delete(apiKeys).where(isOwn),
    auditEntry(ctx, { action: "api_key.delete", targetType: "api_key", targetId: id, details: { name: found.name } }),
  ]);
  endSockets(ctx, { userId: ctx.caller.userId, credentialId: id }, "the API key was deleted");
}
