import { index, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant } from "./columns.ts";
import { users } from "./users.ts";

export const apiKeys = pgTable(
  "api_keys",
  {
    id: text("id").primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    /** SHA-256 of the key, hexadecimal: the key has enough entropy to need no slow hash. */
    keyHash: text("key_hash").notNull(),
    /** First characters, to recognise it in a list. */
    prefix: text("prefix").notNull(),
    /** Permissions it is narrowed to; empty means all its user has. */
    scopes: text("scopes").array().notNull(),
    allowedIps: text("allowed_ips").array().notNull(),
    expiresAt: instant("expires_at"),
    lastUsedAt: instant("last_used_at"),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex("api_keys_hash_key").on(t.keyHash), index("api_keys_user_idx").on(t.userId, t.createdAt)],
);
