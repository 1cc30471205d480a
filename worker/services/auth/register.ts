import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { sessions, users } from "../../../drizzle/schema/index.ts";
import { hashPassword } from "../../auth/password.ts";
import { signSession } from "../../auth/token.ts";
import type { RequestContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { newSession } from "./login.ts";
import { addressSubject, blockedSeconds, countAttempt, tooManyAttempts } from "./throttle.ts";

export interface Registration {
  email: string;
  username: string;
  password: string;
}

/** Makes an account for somebody new, if the installation lets anybody register, and signs them in. */
export async function register(ctx: RequestContext, { email, username, password }: Registration) {
  if (ctx.env.REGISTRATION !== "open") {
    throw new Refusal("PERMISSION_DENIED", "Registration is closed here. Ask an administrator for an account.");
  }
  if (ctx.clientAddress) await admit(ctx, addressSubject(ctx.clientAddress));
  const userId = uuidv7();
  const session = newSession(ctx);
  const passwordHash = await hashPassword(password);
  await ctx.db.batch([
    ctx.db.insert(users).values({ id: userId, email, username, passwordHash }),
    ctx.db.execute(
      sql`insert into user_roles (user_id, role_id) select ${userId}, id from roles where name = 'User' and is_preset`,
    ),
    ctx.db
      .insert(sessions)
      .values({ ...session, userId, ip: ctx.clientAddress, userAgent: ctx.userAgent, createdAt: now(ctx) }),
    auditEntry(ctx, { action: "auth.register", targetType: "user", targetId: userId, details: { username } }),
  ]);
  const claims = { sessionId: session.id, userId };
  const token = await signSession(claims, ctx.env.JWT_KEYS, ctx.clock.now(), session.expiresAt);
  return { token, userId, expiresAt: session.expiresAt };
}

const now = (ctx: RequestContext) => new Date(ctx.clock.now());

/** Registrations count as attempts by the address: each costs a slow hash. */
async function admit(ctx: RequestContext, subject: string): Promise<void> {
  const { rows } = await ctx.db.execute<{ admitted: number; blocked_seconds: number | null }>(sql`
    with attempt as (${countAttempt([subject])})
    select (select count(*)::int from attempt) as admitted, ${blockedSeconds([subject])} as blocked_seconds`);
  if (rows[0]!.admitted === 0) throw tooManyAttempts(rows[0]!.blocked_seconds);
}
