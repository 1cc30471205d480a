import { sql } from "drizzle-orm";
import { boolean, index, integer, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, updatedAt } from "./columns.ts";
import { roles } from "./roles.ts";

export const users = pgTable(
  "users",
  {
    id: text("id").primaryKey(),
    /** Lower case. */
    email: text("email").notNull(),
    username: text("username").notNull(),
    /** PHC string of scrypt, or a bcrypt hash brought along, which the next login replaces. */
    passwordHash: text("password_hash").notNull(),
    isBanned: boolean("is_banned").notNull().default(false),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex("users_email_key").on(t.email), uniqueIndex("users_username_key").on(sql`lower(${t.username})`)],
);

export const userRoles = pgTable(
  "user_roles",
  {
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    roleId: text("role_id")
      .notNull()
      .references(() => roles.id, { onDelete: "cascade" }),
  },
  (t) => [primaryKey({ columns: [t.userId, t.roleId] }), index("user_roles_role_idx").on(t.roleId)],
);

/** A signed-in browser or token. Its row is what ends a token before its expiry. */
export const sessions = pgTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    ip: text("ip"),
    userAgent: text("user_agent"),
    createdAt: createdAt(),
    expiresAt: instant("expires_at").notNull(),
    revokedAt: instant("revoked_at"),
  },
  (t) => [index("sessions_user_idx").on(t.userId, t.createdAt), index("sessions_expiry_idx").on(t.expiresAt)],
);

/** Failed logins, counted for an e-mail address and for a client address; the one place that decides on throttling. */
export const loginAttempts = pgTable(
  "login_attempts",
  {
    /** `email:<address>` or `ip:<address>`. */
    subject: text("subject").notNull(),
    windowStart: instant("window_start").notNull(),
    failures: integer("failures").notNull().default(0),
    blockedUntil: instant("blocked_until"),
  },
  (t) => [primaryKey({ columns: [t.subject] }), index("login_attempts_window_idx").on(t.windowStart)],
);
