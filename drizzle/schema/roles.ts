import { boolean, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";

export const roles = pgTable(
  "roles",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    permissions: text("permissions").array().notNull(),
    /** Came with the installation and cannot be deleted. */
    isPreset: boolean("is_preset").notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex("roles_name_key").on(t.name)],
);
