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
  text,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import type { AgentUpdate } from "../../protocol/agent-update.ts";
import type { Finding, Machine } from "../../protocol/findings.ts";
import type { NodeMode } from "../../protocol/node-mode.ts";
import { createdAt, instant, updatedAt } from "./columns.ts";
import { users } from "./users.ts";

export const locations = pgTable(
  "locations",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    description: text("description").notNull().default(""),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex("locations_name_key").on(t.name)],
);

export const nodes = pgTable(
  "nodes",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    locationId: text("location_id")
      .notNull()
      .references(() => locations.id),
    hostname: text("hostname").notNull(),
    publicAddress: text("public_address").notNull(),
    bindAddress: text("bind_address").notNull().default("0.0.0.0"),
    maxMemoryMb: integer("max_memory_mb").notNull(),
    maxCpuCores: doublePrecision("max_cpu_cores").notNull(),
    maxDiskMb: integer("max_disk_mb").notNull(),
    memoryOvercommit: doublePrecision("memory_overcommit").notNull().default(1),
    cpuOvercommit: doublePrecision("cpu_overcommit").notNull().default(4),
    diskOvercommit: doublePrecision("disk_overcommit").notNull().default(1),
    /** Rises with every change of what the node shall run. */
    specGeneration: bigint("spec_generation", { mode: "number" }).notNull().default(0),
    /** Written by the hub when it flips, never per heartbeat. */
    isOnline: boolean("is_online").notNull().default(false),
    /** Epoch of the agent connection that wrote `is_online`: an older one may not overwrite it. */
    onlineEpoch: bigint("online_epoch", { mode: "number" }).notNull().default(0),
    lastSeenAt: instant("last_seen_at"),
    agentVersion: text("agent_version"),
    runtime: text("runtime"),
    mode: text("mode").$type<NodeMode>().notNull().default("active"),
    /** Who set the mode, when and why; null while it is the one that the node was made with. */
    modeSetAt: instant("mode_set_at"),
    modeSetBy: text("mode_set_by"),
    modeSetByName: text("mode_set_by_name"),
    modeReason: text("mode_reason"),
    enrolledAt: instant("enrolled_at"),
    /** Of the last health check, with what the machine was seen to have. */
    findings: jsonb("findings").$type<Finding[]>(),
    machine: jsonb("machine").$type<Machine>(),
    findingsAt: instant("findings_at"),
    agentUpdate: jsonb("agent_update").$type<AgentUpdate>(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex("nodes_name_key").on(t.name),
    index("nodes_location_idx").on(t.locationId),
    check("nodes_mode", sql`${t.mode} in ('active', 'draining', 'maintenance')`),
    check("nodes_limits_positive", sql`${t.maxMemoryMb} > 0 and ${t.maxCpuCores} > 0 and ${t.maxDiskMb} > 0`),
  ],
);

/** Secrets by which a node's agent proves itself; two may be valid while one is being rotated. */
export const nodeCredentials = pgTable(
  "node_credentials",
  {
    id: text("id").primaryKey(),
    nodeId: text("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    /** SHA-256, hexadecimal. */
    secretHash: text("secret_hash").notNull(),
    createdAt: createdAt(),
    revokedAt: instant("revoked_at"),
  },
  (t) => [uniqueIndex("node_credentials_hash_key").on(t.secretHash), index("node_credentials_node_idx").on(t.nodeId)],
);

/** One-time tokens that enrol an agent. */
export const deploymentTokens = pgTable(
  "deployment_tokens",
  {
    id: text("id").primaryKey(),
    nodeId: text("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    /** SHA-256, hexadecimal. */
    tokenHash: text("token_hash").notNull(),
    createdBy: text("created_by").references(() => users.id, { onDelete: "set null" }),
    createdAt: createdAt(),
    expiresAt: instant("expires_at").notNull(),
    usedAt: instant("used_at"),
  },
  (t) => [uniqueIndex("deployment_tokens_hash_key").on(t.tokenHash), index("deployment_tokens_node_idx").on(t.nodeId)],
);
