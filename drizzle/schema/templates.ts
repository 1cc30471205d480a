import { bigint, index, jsonb, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import type { Template } from "../../protocol/template.ts";
import { createdAt, updatedAt } from "./columns.ts";
import { users } from "./users.ts";

export const templates = pgTable(
  "templates",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    /** The whole template as validated by `templateSchema`. */
    definition: jsonb("definition").$type<Template>().notNull(),
    /** Rises with each change; a server keeps the revision it was made from. */
    revision: bigint("revision", { mode: "number" }).notNull().default(1),
    createdBy: text("created_by").references(() => users.id, { onDelete: "set null" }),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex("templates_name_key").on(t.name), index("templates_created_by_idx").on(t.createdBy)],
);
