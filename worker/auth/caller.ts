import { and, eq, sql } from "drizzle-orm";
import { apiKeys, sessions, users } from "../../drizzle/schema/index.ts";
import type { Database } from "../db/connect.ts";
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

const roleNames = sql<string[]>`array(
  select r.name from user_roles ur join roles r on r.id = ur.role_id where ur.user_id = ${users.id} order by r.name)`;
const rolePermissions = sql<string[]>`array(
  select distinct p from user_roles ur join roles r on r.id = ur.role_id cross join unnest(r.permissions) p
  where ur.user_id = ${users.id} order by p)`;

// The aliases are prefixed because drizzle names them without their subquery, and joined tables have such columns too.
const userColumns = {
  userId: sql<string>`${users.id}`.as("caller_user_id"),
  email: sql<string>`${users.email}`.as("caller_email"),
  username: sql<string>`${users.username}`.as("caller_username"),
  isBanned: sql<boolean>`${users.isBanned}`.as("caller_is_banned"),
  userCreatedAt: sql<Date>`${users.createdAt}`.mapWith(users.createdAt).as("caller_user_created_at"),
  roles: roleNames.as("caller_role_names"),
  rolePermissions: rolePermissions.as("caller_role_permissions"),
};

/**
 * The caller as a subquery of one row at most, for a statement of its own or to be joined with what it asks for.
 *
 * A session that was ended, and every token made from it, finds no row.
 */
export function callerSource(db: Database, credential: Credential) {
  if (credential.kind === "session") {
    return db
      .select({
        ...userColumns,
        credentialId: sql<string>`${sessions.id}`.as("caller_credential_id"),
        scopes: sql<string[]>`'{}'::text[]`.as("caller_scopes"),
        allowedIps: sql<string[]>`'{}'::text[]`.as("caller_allowed_ips"),
        expiresAt: sql<Date | null>`${sessions.expiresAt}`.mapWith(sessions.expiresAt).as("caller_expires_at"),
        lastUsedAt: sql<Date | null>`null::timestamptz`.mapWith(apiKeys.lastUsedAt).as("caller_last_used_at"),
      })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(
        and(
          eq(sessions.id, credential.sessionId),
          eq(sessions.userId, credential.userId),
          sql`${sessions.revokedAt} is null`,
        ),
      )
      .as("caller");
  }
  return db
    .select({
      ...userColumns,
      credentialId: sql<string>`${apiKeys.id}`.as("caller_credential_id"),
      scopes: sql<string[]>`${apiKeys.scopes}`.as("caller_scopes"),
      allowedIps: sql<string[]>`${apiKeys.allowedIps}`.as("caller_allowed_ips"),
      expiresAt: sql<Date | null>`${apiKeys.expiresAt}`.mapWith(apiKeys.expiresAt).as("caller_expires_at"),
      lastUsedAt: sql<Date | null>`${apiKeys.lastUsedAt}`.mapWith(apiKeys.lastUsedAt).as("caller_last_used_at"),
    })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(eq(apiKeys.keyHash, credential.keyHash))
    .as("caller");
}

export type CallerSource = ReturnType<typeof callerSource>;

/** The columns of `callerSource`, to be selected beside others. */
export function callerColumns(source: CallerSource) {
  const { userId, email, username, isBanned, userCreatedAt, roles, rolePermissions } = source;
  const { credentialId, scopes, allowedIps, expiresAt, lastUsedAt } = source;
  return {
    ...{ userId, email, username, isBanned, userCreatedAt, roles, rolePermissions },
    ...{ credentialId, scopes, allowedIps, expiresAt, lastUsedAt },
  };
}

export interface CallerRow {
  userId: string;
  email: string;
  username: string;
  isBanned: boolean;
  userCreatedAt: Date;
  roles: string[];
  rolePermissions: string[];
  credentialId: string;
  scopes: string[];
  allowedIps: string[];
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

/** The row of `callerSource` as a statement written in SQL gives it. */
export interface RawCallerRow extends Record<string, unknown> {
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

const instantOrNull = (text: string | null) => (text === null ? null : new Date(text));

export const toCallerRow = (row: RawCallerRow): CallerRow => ({
  userId: row.caller_user_id,
  email: row.caller_email,
  username: row.caller_username,
  isBanned: row.caller_is_banned,
  userCreatedAt: new Date(row.caller_user_created_at),
  roles: row.caller_role_names,
  rolePermissions: row.caller_role_permissions,
  credentialId: row.caller_credential_id,
  scopes: row.caller_scopes,
  allowedIps: row.caller_allowed_ips,
  expiresAt: instantOrNull(row.caller_expires_at),
  lastUsedAt: instantOrNull(row.caller_last_used_at),
});

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
  if (!row || row.isBanned) throw new Refusal("UNAUTHENTICATED", "Sign in first.");
  const expiresAt = (row.expiresAt ?? NEVER).getTime();
  if (expiresAt <= nowMs) throw new Refusal("AUTH_EXPIRED", "Your sign-in or API key has expired.");
  if (row.allowedIps.length > 0 && !isInBlocks(clientAddress, row.allowedIps)) {
    throw new Refusal("PERMISSION_DENIED", "This API key may not be used from your address.");
  }
  return {
    userId: row.userId,
    email: row.email,
    username: row.username,
    createdAt: row.userCreatedAt,
    roles: row.roles,
    rolePermissions: row.rolePermissions,
    permissions: narrow(row.rolePermissions, row.scopes),
    credential: {
      kind: credential.kind,
      id: row.credentialId,
      scopes: row.scopes,
      expiresAt,
      lastUsedAt: row.lastUsedAt,
    },
  };
}

/** Looks up the caller in a statement of its own. @throws Refusal as `admitCaller` */
export async function loadCaller(
  db: Database,
  credential: Credential,
  nowMs: number,
  clientAddress: string | null,
): Promise<Caller> {
  const source = callerSource(db, credential);
  const [row] = await db.select(callerColumns(source)).from(source);
  return admitCaller(row, credential, nowMs, clientAddress);
}
