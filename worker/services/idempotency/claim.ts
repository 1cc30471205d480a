import { and, eq, sql } from "drizzle-orm";
import { idempotencyKeys } from "../../../drizzle/schema/index.ts";
import { IDEMPOTENCY_TTL_MS } from "../../../protocol/limits.ts";
import { seal, unseal } from "../../auth/seal.ts";
import type { CallerContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";

/** A first request that has not answered for this long is taken for dead, and the key is free again. */
const ABANDONED_SECONDS = 120;
const PURPOSE = "idempotency";

/** An answer as it is kept: sealed, because it may hold a secret that is told only once. */
export interface KeptAnswer {
  status: number;
  text: string;
  contentType: string;
  setCookie: string | null;
}

export type Claim = { isFirst: true } | { isFirst: false; answer: KeptAnswer };

const isKey = (ctx: CallerContext, key: string) =>
  and(eq(idempotencyKeys.userId, ctx.caller.userId), eq(idempotencyKeys.key, key));

/**
 * Claims a key for a request, or gives back what the first request with it was answered. One statement decides, so of
 * two requests at the same moment exactly one is carried out.
 *
 * @throws Refusal IDEMPOTENCY_MISMATCH for another request under the same key, CONFLICT while the first is under way
 */
export async function claimKey(ctx: CallerContext, key: string, requestHash: string): Promise<Claim> {
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + IDEMPOTENCY_TTL_MS);
  const claimed = await ctx.db
    .insert(idempotencyKeys)
    .values({ userId: ctx.caller.userId, key, requestHash, status: 0, createdAt: now, expiresAt })
    .onConflictDoUpdate({
      target: [idempotencyKeys.userId, idempotencyKeys.key],
      set: { requestHash, status: 0, body: null, createdAt: now, expiresAt },
      setWhere: sql`${idempotencyKeys.expiresAt} <= ${now.toISOString()}::timestamptz or (${idempotencyKeys.status} = 0
        and ${idempotencyKeys.createdAt} < ${now.toISOString()}::timestamptz - make_interval(secs => ${ABANDONED_SECONDS}))`,
    })
    .returning({ key: idempotencyKeys.key });
  if (claimed.length > 0) return { isFirst: true };

  const [known] = await ctx.db.select().from(idempotencyKeys).where(isKey(ctx, key));
  if (known && known.requestHash !== requestHash) {
    throw new Refusal("IDEMPOTENCY_MISMATCH", "This Idempotency-Key was used for another request.");
  }
  const sealed = known && known.status > 0 ? String(known.body) : null;
  const text = sealed === null ? null : await unseal(ctx.env.JWT_KEYS, PURPOSE, sealed);
  if (text !== null) return { isFirst: false, answer: JSON.parse(text) as KeptAnswer };
  throw new Refusal("CONFLICT", "The first request with this Idempotency-Key has no answer yet.", {
    retryAfterSeconds: 1,
  });
}

/** Keeps the first answer for the key's life. */
export async function keepAnswer(ctx: CallerContext, key: string, answer: KeptAnswer): Promise<void> {
  const body = await seal(ctx.env.JWT_KEYS, PURPOSE, JSON.stringify(answer));
  await ctx.db.update(idempotencyKeys).set({ status: answer.status, body }).where(isKey(ctx, key));
}

/** Frees the key: nothing was done, so the same request may be tried again. */
export async function releaseKey(ctx: CallerContext, key: string): Promise<void> {
  await ctx.db.delete(idempotencyKeys).where(isKey(ctx, key));
}
