import { and, desc, eq, gt, isNull } from "drizzle-orm";
import { sessions } from "../../../drizzle/schema/index.ts";
import type { Session } from "../../../protocol/api/account.ts";
import { idSchema } from "../../../protocol/ids.ts";
import type { CallerContext } from "../../context.ts";
import { notFound } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { endSockets } from "./end-sockets.ts";

const SESSIONS_SHOWN_MAX = 100;

/** The caller's sessions that are still good, newest first. */
export async function listSessions(ctx: CallerContext): Promise<Session[]> {
  const rows = await ctx.db
    .select()
    .from(sessions)
    .where(and(isLive(ctx), eq(sessions.userId, ctx.caller.userId)))
    .orderBy(desc(sessions.createdAt))
    .limit(SESSIONS_SHOWN_MAX);
  return rows.map((row) => ({
    id: row.id,
    ip: row.ip,
    userAgent: row.userAgent,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    isCurrent: row.id === ctx.caller.credential.id,
  }));
}

const isLive = (ctx: CallerContext) =>
  and(isNull(sessions.revokedAt), gt(sessions.expiresAt, new Date(ctx.clock.now())));

/** Ends one of the caller's own sessions. */
export async function revokeSession(ctx: CallerContext, sessionId: string): Promise<void> {
  if (!idSchema.safeParse(sessionId).success) throw notFound("session");
  const isOwn = and(isLive(ctx), eq(sessions.userId, ctx.caller.userId), eq(sessions.id, sessionId));
  const [found] = await ctx.db.select({ id: sessions.id }).from(sessions).where(isOwn);
  if (!found) throw notFound("session");
  await ctx.db.batch([
    ctx.db
      .update(sessions)
      .set({ revokedAt: new Date(ctx.clock.now()) })
      .where(isOwn),
    auditEntry(ctx, { action: "auth.revoke_session", targetType: "session", targetId: sessionId }),
  ]);
  endSockets(ctx, { userId: ctx.caller.userId, credentialId: sessionId }, "the session was ended");
}
