import { bigint, boolean, index, integer, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";
import { servers } from "./servers.ts";

/** Written by the hub's outbox alone, from the agent's events; of each server only the newest are kept. */
export const serverCrashes = pgTable(
  "server_crashes",
  {
    /** Rises in the order in which the crashes happened on the node, whatever its clock said. */
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    serverId: text("server_id")
      .notNull()
      .references(() => servers.id, { onDelete: "cascade" }),
    /** The agent's name of the crash: one that is written twice is kept once. */
    crashId: text("crash_id").notNull(),
    crashedAt: instant("crashed_at").notNull(),
    exitCode: integer("exit_code"),
    signal: text("signal"),
    oomKilled: boolean("oom_killed").notNull(),
    runTimeMs: bigint("run_time_ms", { mode: "number" }),
    crashCount: integer("crash_count").notNull(),
    restartAt: instant("restart_at"),
    lastLines: text("last_lines").notNull(),
  },
  (t) => [
    uniqueIndex("server_crashes_crash_key").on(t.serverId, t.crashId),
    index("server_crashes_server_idx").on(t.serverId, t.id),
  ],
);
