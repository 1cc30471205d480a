import { and, eq, isNull, sql } from "drizzle-orm";
import { sessions, users } from "../../../drizzle/schema/index.ts";
import { hashPassword, verifyPassword } from "../../auth/password.ts";
import { signSession } from "../../auth/token.ts";
import type { CallerContext } from "../../context.ts";
import { invalid, Refusal } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { endSockets } from "./end-sockets.ts";
import { newSession } from "./login.ts";
import { blockedSeconds, countAttempt, emailSubject, tooManyAttempts } from "./throttle.ts";

/**
 * Replaces the password and ends every session of the user, the asking one too; the answer carries a new one.
 *
 * A stolen session must not be a way to guess the password, so attempts are throttled like those of a login.
 */
export async function changePassword(ctx: CallerContext, body: { currentPassword: string; newPassword: string }) {
  const { userId } = ctx.caller;
  const currentHash = await currentHashOf(ctx);
  if (!(await verifyPassword(body.currentPassword, currentHash)).matches) {
    throw invalid("currentPassword", "is not your password");
  }
  const passwordHash = await hashPassword(body.newPassword);
  const session = newSession(ctx);
  const now = new Date(ctx.clock.now());
  const subject = emailSubject(ctx.caller.email);
  const [changed] = await ctx.db.batch([
    ctx.db
      .update(users)
      .set({ passwordHash })
      .where(and(eq(users.id, userId), eq(users.passwordHash, currentHash)))
      .returning({ id: users.id }),
    ctx.db
      .update(sessions)
      .set({ revokedAt: now })
      .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt))),
    ctx.db
      .insert(sessions)
      .values({ ...session, userId, ip: ctx.clientAddress, userAgent: ctx.userAgent, createdAt: now }),
    ctx.db.execute(sql`delete from login_attempts where subject = ${subject}`),
    auditEntry(ctx, { action: "auth.change_password", targetType: "user", targetId: userId }),
  ]);
  if (changed.length === 0) throw new Refusal("CONFLICT", "The password was changed at the same time. Sign in again.");
  endSockets(ctx, { userId }, "the password was changed");
  const claims = { sessionId: session.id, userId };
  const token = await signSession(claims, ctx.env.JWT_KEYS, ctx.clock.now(), session.expiresAt);
  return { token, expiresAt: session.expiresAt };
}

async function currentHashOf(ctx: CallerContext): Promise<string> {
  const subjects = [emailSubject(ctx.caller.email)];
  const { rows } = await ctx.db.execute<{ admitted: number; blocked_seconds: number | null; password_hash: string }>(
    sql`with attempt as (${countAttempt(subjects)})
      select (select count(*)::int from attempt) as admitted, ${blockedSeconds(subjects)} as blocked_seconds,
        password_hash from users where id = ${ctx.caller.userId}`,
  );
  const row = rows[0];
  if (!row) throw new Refusal("UNAUTHENTICATED", "Sign in first.");
  if (row.admitted === 0) throw tooManyAttempts(row.blocked_seconds);
  return row.password_hash;
}
