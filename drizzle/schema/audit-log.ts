import { index, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

/** One row a mutation. Names are copied, so that the log outlives what it speaks of. */
export const auditLog = pgTable(
  "audit_log",
  {
    id: text("id").primaryKey(),
    at: instant("at").notNull().defaultNow(),
    actorId: text("actor_id"),
    actorName: text("actor_name"),
    /** Verb of the service, such as `server.create`. */
    action: text("action").notNull(),
    targetType: text("target_type").notNull(),
    targetId: text("target_id"),
    serverId: text("server_id"),
    requestId: text("request_id"),
    ip: text("ip"),
    /** Never holds a secret. */
    details: jsonb("details").$type<Record<string, unknown>>().notNull(),
  },
  (t) => [
    index("audit_log_at_idx").on(t.at, t.id),
    index("audit_log_server_idx").on(t.serverId, t.at),
    index("audit_log_actor_idx").on(t.actorId, t.at),
  ],
);
