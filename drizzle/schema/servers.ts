import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { ALLOCATION_LIMIT_DEFAULT, CRASH_WINDOW_SECONDS_DEFAULT, MAX_CRASHES_DEFAULT } from "../../protocol/limits.ts";
import type { NetworkMode } from "../../protocol/network.ts";
import { OPEN_FILES_LIMIT_DEFAULT, type PendingChange, PIDS_LIMIT_DEFAULT } from "../../protocol/resource-limits.ts";
import { RESTART_POLICY_DEFAULT, type RestartPolicy } from "../../protocol/restart-policy.ts";
import type { DesiredPower, ServerState } from "../../protocol/server-state.ts";
import type { Template } from "../../protocol/template.ts";
import { createdAt, instant, updatedAt } from "./columns.ts";
import { nodes } from "./nodes.ts";
import { templates } from "./templates.ts";
import { users } from "./users.ts";

/** The spec: what a server shall be. What it is stands in `server_observed`. */
export const servers = pgTable(
  "servers",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    description: text("description").notNull().default(""),
    ownerId: text("owner_id")
      .notNull()
      .references(() => users.id),
    nodeId: text("node_id")
      .notNull()
      .references(() => nodes.id),
    templateId: text("template_id")
      .notNull()
      .references(() => templates.id),
    templateRevision: bigint("template_revision", { mode: "number" }).notNull(),
    /** The template as it was when the server was made or last reinstalled: editing a template changes no server by surprise. */
    templateSnapshot: jsonb("template_snapshot").$type<Template>().notNull(),
    /** A list asks this of every server, and shall not unpack a template for it. */
    hasInstallScript: boolean("has_install_script")
      .notNull()
      .generatedAlwaysAs(sql`coalesce(template_snapshot->>'installScript', '') <> ''`),
    /** Rises with each change of this row that the agent must know of. */
    version: bigint("version", { mode: "number" }).notNull().default(1),
    image: text("image").notNull(),
    startup: text("startup").notNull(),
    environment: jsonb("environment").$type<Record<string, string>>().notNull(),
    memoryMb: integer("memory_mb").notNull(),
    cpuCores: doublePrecision("cpu_cores").notNull(),
    diskMb: integer("disk_mb").notNull(),
    /** Memory of the container beyond `memoryMb`; counted against the node as well. */
    memoryHeadroomMb: integer("memory_headroom_mb").notNull().default(0),
    /** Somebody chose the head-room; otherwise it follows the template and the memory. */
    hasOwnHeadroom: boolean("has_own_headroom").notNull().default(false),
    swapMb: integer("swap_mb").notNull().default(0),
    cpuPinning: text("cpu_pinning"),
    ioWeight: integer("io_weight"),
    pidsLimit: integer("pids_limit").notNull().default(PIDS_LIMIT_DEFAULT),
    openFilesLimit: integer("open_files_limit").notNull().default(OPEN_FILES_LIMIT_DEFAULT),
    /** Null: the template's. */
    stopTimeoutSeconds: integer("stop_timeout_seconds"),
    networkMode: text("network_mode").$type<NetworkMode>().notNull().default("bridge"),
    /** `version` of the last change of ports, pool or mode: a run that was started with an older one lacks it. */
    networkVersion: bigint("network_version", { mode: "number" }).notNull().default(1),
    /** How many ports its owner may give it; whoever manages the node's allocations may go beyond. */
    allocationLimit: integer("allocation_limit").notNull().default(ALLOCATION_LIMIT_DEFAULT),
    installGeneration: integer("install_generation").notNull().default(1),
    /** The install generation before which all files go; 0 for never. */
    wipeGeneration: integer("wipe_generation").notNull().default(0),
    /** Milliseconds; the node fetches the image anew at the next start after it. */
    imageRefreshAt: bigint("image_refresh_at", { mode: "number" }).notNull().default(0),
    desiredPower: text("desired_power").$type<DesiredPower>().notNull().default("stopped"),
    /** Milliseconds; the later power request wins, whoever writes it down first. */
    desiredPowerAt: bigint("desired_power_at", { mode: "number" }).notNull().default(0),
    isSuspended: boolean("is_suspended").notNull().default(false),
    suspendedAt: instant("suspended_at"),
    /** Not a reference, with the name beside it: it is still told when their account is gone. */
    suspendedBy: text("suspended_by"),
    suspendedByName: text("suspended_by_name"),
    suspendReason: text("suspend_reason"),
    restartPolicy: text("restart_policy").$type<RestartPolicy>().notNull().default(RESTART_POLICY_DEFAULT),
    maxCrashes: integer("max_crashes").notNull().default(MAX_CRASHES_DEFAULT),
    crashWindowSeconds: integer("crash_window_seconds").notNull().default(CRASH_WINDOW_SECONDS_DEFAULT),
    /** Milliseconds; the agent forgets the crashes so far when this is later than the last it obeyed. */
    crashResetAt: bigint("crash_reset_at", { mode: "number" }).notNull().default(0),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    index("servers_owner_idx").on(t.ownerId, t.id),
    index("servers_node_idx").on(t.nodeId, t.id),
    index("servers_template_idx").on(t.templateId),
    check(
      "servers_limits_positive",
      sql`${t.memoryMb} > 0 and ${t.cpuCores} > 0 and ${t.diskMb} > 0 and ${t.pidsLimit} > 0`,
    ),
    check(
      "servers_more_limits",
      sql`${t.memoryHeadroomMb} >= 0 and ${t.swapMb} >= 0 and ${t.openFilesLimit} > 0 and (${t.ioWeight} is null or ${t.ioWeight} between 10 and 1000) and (${t.stopTimeoutSeconds} is null or ${t.stopTimeoutSeconds} > 0)`,
    ),
    check("servers_network_mode", sql`${t.networkMode} in ('bridge', 'host', 'pool')`),
    check("servers_allocation_limit_positive", sql`${t.allocationLimit} > 0`),
    check("servers_desired_power", sql`${t.desiredPower} in ('running', 'stopped')`),
    check("servers_restart_policy", sql`${t.restartPolicy} in ('always', 'on-failure', 'never')`),
    check("servers_crash_limit_positive", sql`${t.maxCrashes} > 0 and ${t.crashWindowSeconds} > 0`),
  ],
);

/** Written by the hub's outbox alone, from the agent's events; `seq` orders and fences them. */
export const serverObserved = pgTable(
  "server_observed",
  {
    serverId: text("server_id")
      .primaryKey()
      .references(() => servers.id, { onDelete: "cascade" }),
    state: text("state").$type<ServerState>().notNull(),
    reason: text("reason"),
    exitCode: integer("exit_code"),
    signal: text("signal"),
    oomKilled: boolean("oom_killed").notNull().default(false),
    crashCount: integer("crash_count").notNull().default(0),
    startedAt: instant("started_at"),
    restartAt: instant("restart_at"),
    installedGeneration: integer("installed_generation").notNull().default(0),
    pendingRestart: jsonb("pending_restart").$type<PendingChange[]>().notNull().default([]),
    /** The server's `version` that the present run was started with; null when not running or not known. */
    runSpecVersion: bigint("run_spec_version", { mode: "number" }),
    seq: bigint("seq", { mode: "number" }).notNull().default(0),
    observedAt: instant("observed_at").notNull(),
  },
  (t) => [index("server_observed_state_idx").on(t.state)],
);

/** An address and port of a node, free or given to a server. */
export const allocations = pgTable(
  "allocations",
  {
    id: text("id").primaryKey(),
    nodeId: text("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    ip: text("ip").notNull(),
    port: integer("port").notNull(),
    alias: text("alias"),
    notes: text("notes"),
    serverId: text("server_id").references(() => servers.id, { onDelete: "set null" }),
    isPrimary: boolean("is_primary").notNull().default(false),
    /** The server's `version` since which it has this port, or has it as its primary one. */
    serverVersion: bigint("server_version", { mode: "number" }),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("allocations_node_ip_port_key").on(t.nodeId, t.ip, t.port),
    uniqueIndex("allocations_primary_key").on(t.serverId).where(sql`${t.isPrimary}`),
    index("allocations_server_idx").on(t.serverId),
    check("allocations_port", sql`${t.port} between 1 and 65535`),
    // One way to write an address: else one port could be given away twice.
    check("allocations_ip_canonical", sql`${t.ip} = host(${t.ip}::inet)`),
    check("allocations_primary_has_server", sql`not ${t.isPrimary} or ${t.serverId} is not null`),
  ],
);

/** What an owner lets somebody else do with a server. */
export const grants = pgTable(
  "grants",
  {
    serverId: text("server_id")
      .notNull()
      .references(() => servers.id, { onDelete: "cascade" }),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    permissions: text("permissions").array().notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.serverId, t.userId] }), index("grants_user_idx").on(t.userId, t.serverId)],
);
