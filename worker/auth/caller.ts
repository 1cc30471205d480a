import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/connect.ts";
import { Statement } from "../db/statement.ts";
import { Refusal } from "../errors.ts";
import { isInBlocks } from "./address.ts";
import type { Credential } from "./credential.ts";
import { narrow } from "./permissions.ts";

/** Who makes a request, as the database knows them at this moment. */
export interface Caller {
  userId: string;
  email: string;
  username: string;
  createdAt: Date;
  roles: string[];
  /** Global permissions of the user's roles. */
  rolePermissions: string[];
  /** The same, narrowed to the scopes of the credential: what this request may do. */
  permissions: string[];
  credential: {
    kind: "session" | "apiKey";
    id: string;
    scopes: string[];
    /** Milliseconds; the far future for a key without an end. */
    expiresAt: number;
    lastUsedAt: Date | null;
  };
}

const NEVER = new Date(Date.UTC(9999, 0));

/** Who they are and what their roles allow; the user is `u`. */
const USER_COLUMNS = sql.raw(`
  u.id as caller_user_id, u.email as caller_email, u.username as caller_username, u.is_banned as caller_is_banned,
  u.created_at as caller_user_created_at, held.names as caller_role_names, held.permissions as caller_role_permissions`);
const HELD = sql.raw(`
  cross join lateral (
    select coalesce(array_agg(distinct r.name), '{}') as names,
      coalesce(array_agg(distinct p) filter (where p is not null), '{}') as permissions
    from user_roles ur join roles r on r.id = ur.role_id left join lateral unnest(r.permissions) p on true
    where ur.user_id = u.id
  ) held`);

/**
 * The query that finds the caller: one row at most, for a statement of its own or as a part of the statement that
 * fetches what they ask for. It is run with `callerValues`. The columns are prefixed, because joined tables have such
 * names too.
 *
 * A session that was ended, and every token made from it, finds no row.
 */
export const CALLER_QUERIES: Record<Credential["kind"], SQL> = {
  session: sql`select ${USER_COLUMNS}, c.id as caller_credential_id, '{}'::text[] as caller_scopes,
      '{}'::text[] as caller_allowed_ips, c.expires_at as caller_expires_at, null::timestamptz as caller_last_used_at
    from sessions c join users u on u.id = c.user_id ${HELD}
    where c.id = ${sql.placeholder("sessionId")} and c.user_id = ${sql.placeholder("userId")} and c.revoked_at is null`,
  apiKey: sql`select ${USER_COLUMNS}, c.id as caller_credential_id, c.scopes as caller_scopes,
      c.allowed_ips as caller_allowed_ips, c.expires_at as caller_expires_at, c.last_used_at as caller_last_used_at
    from api_keys c join users u on u.id = c.user_id ${HELD}
    where c.key_hash = ${sql.placeholder("keyHash")}`,
};

/** The values of the placeholders in `CALLER_QUERIES`. */
export const callerValues = (credential: Credential): Record<string, string> =>
  credential.kind === "session"
    ? { sessionId: credential.sessionId, userId: credential.userId }
    : { keyHash: credential.keyHash };

/** The row that those queries find. Times come as Postgres writes them. */
export interface CallerRow extends Record<string, unknown> {
  caller_user_id: string;
  caller_email: string;
  caller_username: string;
  caller_is_banned: boolean;
  caller_user_created_at: string;
  caller_role_names: string[];
  caller_role_permissions: string[];
  caller_credential_id: string;
  caller_scopes: string[];
  caller_allowed_ips: string[];
  caller_expires_at: string | null;
  caller_last_used_at: string | null;
}

/**
 * Decides whether the row makes a caller.
 *
 * @throws Refusal UNAUTHENTICATED, AUTH_EXPIRED, or PERMISSION_DENIED for an address outside a key's allow-list
 */
export function admitCaller(
  row: CallerRow | undefined,
  credential: Credential,
  nowMs: number,
  clientAddress: string | null,
): Caller {
  if (!row || row.caller_is_banned) throw new Refusal("UNAUTHENTICATED", "Sign in first.");
  const expiresAt = (row.caller_expires_at === null ? NEVER : new Date(row.caller_expires_at)).getTime();
  if (expiresAt <= nowMs) throw new Refusal("AUTH_EXPIRED", "Your sign-in or API key has expired.");
  const allowedIps = row.caller_allowed_ips;
  if (allowedIps.length > 0 && !isInBlocks(clientAddress, allowedIps)) {
    throw new Refusal("PERMISSION_DENIED", "This API key may not be used from your address.");
  }
  const scopes = row.caller_scopes;
  const lastUsedAt = row.caller_last_used_at;
  return {
    userId: row.caller_user_id,
    email: row.caller_email,
    username: row.caller_username,
    createdAt: new Date(row.caller_user_created_at),
    roles: row.caller_role_names,
    rolePermissions: row.caller_role_permissions,
    permissions: narrow(row.caller_role_permissions, scopes),
    credential: {
      kind: credential.kind,
      id: row.caller_credential_id,
      scopes,
      expiresAt,
      lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt),
    },
  };
}

const LOOKUPS = {
  session: new Statement<CallerRow>(CALLER_QUERIES.session),
  apiKey: new Statement<CallerRow>(CALLER_QUERIES.apiKey),
};

/** Looks up the caller in a statement of its own. @throws Refusal as `admitCaller` */
export async function loadCaller(
  db: Database,
  credential: Credential,
  nowMs: number,
  clientAddress: string | null,
): Promise<Caller> {
  const [row] = await LOOKUPS[credential.kind].run(db, callerValues(credential));
  return admitCaller(row, credential, nowMs, clientAddress);
}
