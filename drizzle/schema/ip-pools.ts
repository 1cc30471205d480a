import { sql } from "drizzle-orm";
import { boolean, check, cidr, inet, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import type { PoolKind } from "../../protocol/network.ts";
import { createdAt, updatedAt } from "./columns.ts";
import { nodes } from "./nodes.ts";
import { servers } from "./servers.ts";

/**
 * A range of addresses of a node's own network. Two pools of a node never overlap (exclusion constraint
 * `ip_pools_no_overlap`), and a pool never changes so that an address in use falls out of it (trigger
 * `ip_pools_addresses_stay_usable`); both stand in the migration.
 */
export const ipPools = pgTable(
  "ip_pools",
  {
    id: text("id").primaryKey(),
    nodeId: text("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    kind: text("kind").$type<PoolKind>().notNull(),
    /** The node's interface that a macvlan network hangs on. */
    parent: text("parent"),
    cidr: cidr("cidr").notNull(),
    gateway: inet("gateway").notNull(),
    /** Ranges that no server gets: the nth begins at `excludedFrom[n]` and ends at `excludedTo[n]`, both included. */
    excludedFrom: inet("excluded_from").array().notNull().default(sql`'{}'`),
    excludedTo: inet("excluded_to").array().notNull().default(sql`'{}'`),
    /** Whether servers of a bridge pool are kept apart from each other. */
    isIsolated: boolean("is_isolated").notNull().default(true),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex("ip_pools_node_name_key").on(t.nodeId, t.name),
    check("ip_pools_kind", sql`${t.kind} in ('bridge', 'macvlan')`),
    check("ip_pools_parent", sql`(${t.kind} = 'macvlan') = (${t.parent} is not null)`),
    check("ip_pools_exclusions", sql`cardinality(${t.excludedFrom}) = cardinality(${t.excludedTo})`),
    check(
      "ip_pools_size",
      sql`masklen(${t.cidr}) <= case family(${t.cidr}) when 4 then 30 else 126 end and masklen(${t.cidr}) >= 8`,
    ),
    // The gateway is judged as any address is, with no gateway and no exclusions to mind.
    check("ip_pools_gateway", sql`ip_is_usable(${t.gateway}, ${t.cidr}, null, '{}', '{}')`),
  ],
);

/** The address of a pool that a server has. Trigger `pool_addresses_usable`: it is one that the pool may give. */
export const poolAddresses = pgTable(
  "pool_addresses",
  {
    poolId: text("pool_id")
      .notNull()
      .references(() => ipPools.id),
    ip: inet("ip").notNull(),
    serverId: text("server_id")
      .notNull()
      .references(() => servers.id, { onDelete: "cascade" }),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.poolId, t.ip] }), uniqueIndex("pool_addresses_server_key").on(t.serverId)],
);
