import { type SQL, sql } from "drizzle-orm";
import { Refusal } from "../../errors.ts";

/**
 * Throttling of guesses, decided by Postgres alone: an attempt is counted before the password is looked at, under the
 * row's lock, so parallel guesses cannot outrun the count. Past its free attempts a subject is blocked for 2 s, 4 s,
 * 8 s and so on; an attempt during a block is refused and not counted. An hour of quiet forgets everything.
 */
export const QUIET_SECONDS = 3600;
const BLOCK_MAX_SECONDS = 900;
/** An address may stand for a household or a school, so it gets more. */
const FREE_ATTEMPTS = sql`case when login_attempts.subject like 'ip:%' then 20 else 5 end`;

const isForgotten = sql`login_attempts.window_start < now() - make_interval(secs => ${QUIET_SECONDS})`;
const nextFailures = sql`case when ${isForgotten} then 1 else login_attempts.failures + 1 end`;

export const emailSubject = (email: string) => `email:${email}`;
export const addressSubject = (address: string) => `ip:${address}`;

/** Statement part that counts an attempt by each subject and returns the subjects that were not blocked. */
export function countAttempt(subjects: readonly string[]): SQL {
  const rows = sql.join(
    subjects.map((subject) => sql`(${subject}, now(), 1)`),
    sql`, `,
  );
  return sql`
    insert into login_attempts (subject, window_start, failures) values ${rows}
    on conflict (subject) do update set
      failures = ${nextFailures},
      window_start = now(),
      blocked_until = case when ${nextFailures} >= ${FREE_ATTEMPTS}
        then now() + make_interval(secs => least(${BLOCK_MAX_SECONDS}, 2 ^ least(20, 1 + ${nextFailures} - ${FREE_ATTEMPTS})))
      end
    where login_attempts.blocked_until is null or login_attempts.blocked_until <= now()
    returning subject`;
}

/** Seconds until the last of the subjects' blocks ends, or null; an expression for the same statement. */
export function blockedSeconds(subjects: readonly string[]): SQL<number | null> {
  const listed = sql.join(
    subjects.map((subject) => sql`${subject}`),
    sql`, `,
  );
  return sql`(select ceil(extract(epoch from max(blocked_until) - now()))::int from login_attempts
    where subject in (${listed}) and blocked_until > now())`;
}

export function tooManyAttempts(retryAfterSeconds: number | null): Refusal {
  const seconds = Math.max(1, retryAfterSeconds ?? 2);
  return new Refusal("RATE_LIMITED", `Too many attempts. Try again in ${seconds} s.`, { retryAfterSeconds: seconds });
}
