import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { SESSION_TTL_MS } from "../../../protocol/limits.ts";
import { hashPassword, verifyNothing, verifyPassword } from "../../auth/password.ts";
import { signSession } from "../../auth/token.ts";
import type { RequestContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { toUser } from "./reply.ts";
import { addressSubject, blockedSeconds, countAttempt, emailSubject, tooManyAttempts } from "./throttle.ts";

interface Candidate extends Record<string, unknown> {
  admitted: number;
  blocked_seconds: number | null;
  id: string | null;
  email: string;
  username: string;
  password_hash: string;
  is_banned: boolean;
  created_at: string;
  roles: string[];
  permissions: string[];
}

/**
 * Signs in by e-mail address and password, in two statements.
 *
 * An unknown address, a wrong password and a ban are told apart only to somebody who knows the password, and take the
 * same time.
 *
 * @throws Refusal RATE_LIMITED, INVALID_CREDENTIALS, or PERMISSION_DENIED for a banned user
 */
export async function login(ctx: RequestContext, { email, password }: { email: string; password: string }) {
  const subjects = [emailSubject(email)];
  if (ctx.clientAddress) subjects.push(addressSubject(ctx.clientAddress));

  const candidate = await findCandidate(ctx, email, subjects);
  if (candidate.admitted < subjects.length) throw tooManyAttempts(candidate.blocked_seconds);
  if (candidate.id === null) {
    await verifyNothing(password);
    throw wrong();
  }
  const { matches, isOutdated } = await verifyPassword(password, candidate.password_hash);
  if (!matches) {
    const failed = { action: "auth.login_failed", targetType: "user", targetId: candidate.id };
    ctx.background(auditEntry(ctx, failed).then(() => {}));
    throw wrong();
  }
  if (candidate.is_banned) throw new Refusal("PERMISSION_DENIED", "This account is banned.");

  const user = { ...candidate, userId: candidate.id, createdAt: new Date(candidate.created_at) };
  const session = newSession(ctx);
  const newHash = isOutdated ? await hashPassword(password) : null;
  await openSession(ctx, user, session, subjects, newHash);
  const claims = { sessionId: session.id, userId: user.userId };
  const token = await signSession(claims, ctx.env.JWT_KEYS, ctx.clock.now(), session.expiresAt);
  return { token, expiresAt: session.expiresAt, user: toUser(user) };
}

const wrong = () => new Refusal("INVALID_CREDENTIALS", "The e-mail address or the password is wrong.");

export function newSession(ctx: RequestContext) {
  return { id: uuidv7(), expiresAt: new Date(ctx.clock.now() + SESSION_TTL_MS) };
}

async function findCandidate(ctx: RequestContext, email: string, subjects: string[]): Promise<Candidate> {
  const { rows } = await ctx.db.execute<Candidate>(sql`
    with attempt as (${countAttempt(subjects)})
    select (select count(*)::int from attempt) as admitted, ${blockedSeconds(subjects)} as blocked_seconds,
      u.id, u.email, u.username, u.password_hash, u.is_banned, u.created_at,
      array(select r.name from user_roles ur join roles r on r.id = ur.role_id where ur.user_id = u.id order by r.name)
        as roles,
      array(select distinct p from user_roles ur join roles r on r.id = ur.role_id cross join unnest(r.permissions) p
        where ur.user_id = u.id order by p) as permissions
    from (select 1) one left join users u on u.email = ${email}`);
  return rows[0]!;
}

/** The session, its audit row, the forgiven attempt and a better password hash, in one statement. */
async function openSession(
  ctx: RequestContext,
  user: { userId: string; username: string; password_hash: string },
  session: { id: string; expiresAt: Date },
  [email, address]: string[],
  newHash: string | null,
) {
  const now = new Date(ctx.clock.now()).toISOString();
  await ctx.db.execute(sql`
    with opened as (
      insert into sessions (id, user_id, ip, user_agent, created_at, expires_at) values (${session.id}, ${user.userId},
        ${ctx.clientAddress}, ${ctx.userAgent}, ${now}::timestamptz, ${session.expiresAt.toISOString()}::timestamptz)
    ), forgiven as (
      delete from login_attempts where subject = ${email ?? null}
    ), eased as (
      update login_attempts set failures = greatest(0, failures - 1), blocked_until = null
      where subject = ${address ?? null}
    ), rehashed as (
      update users set password_hash = coalesce(${newHash}::text, password_hash)
      where id = ${user.userId} and password_hash = ${user.password_hash} and ${newHash}::text is not null
    )
    insert into audit_log (id, at, actor_id, actor_name, action, target_type, target_id, request_id, ip, details)
    values (${uuidv7()}, ${now}::timestamptz, ${user.userId}, ${user.username}, 'auth.login', 'session', ${session.id},
      ${ctx.requestId}, ${ctx.clientAddress}, '{}'::jsonb)`);
}
