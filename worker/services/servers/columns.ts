import { type SQLWrapper, sql } from "drizzle-orm";
import { allocations, nodes, serverObserved, servers, templates, users } from "../../../drizzle/schema/index.ts";
import type { Server } from "../../../protocol/api/servers.ts";
import type { ServerState } from "../../../protocol/server-state.ts";

/** What a server is now: suspended if it shall be, else as last observed, else what a new server begins with. */
export const statusColumn = sql<ServerState>`case
  when ${servers.isSuspended} then 'suspended'
  when ${serverObserved.state} is not null then ${serverObserved.state}
  when coalesce(${servers.templateSnapshot}->>'installScript', '') <> '' then 'installing'
  else 'stopped' end`;

/** A point in time as the API says it, made by Postgres so that it is the same in a column and inside JSON. */
export const isoTime = <T extends string | null>(column: SQLWrapper) =>
  sql<T>`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The allocation's alias, its own address, or the node's public one when it binds to all or to the node's own. */
const nodeHost = sql`coalesce(nullif(${allocations.alias}, ''), case
  when ${allocations.ip} in ('0.0.0.0', '::') or ${allocations.ip} = ${nodes.bindAddress} then ${nodes.publicAddress}
  else ${allocations.ip} end)`;
/** A server on the network of one of the node's interfaces has an address of its own there; it publishes nothing. */
const poolHost = sql`case when ${servers.networkMode} = 'pool' then (
  select host(a.ip) from pool_addresses a join ip_pools p on p.id = a.pool_id
  where a.server_id = ${servers.id} and p.kind = 'macvlan') end`;
const host = sql`coalesce(${poolHost}, ${nodeHost})`;
/** Where players connect, `host:port`; an IPv6 address stands in brackets. */
const connectAddress = sql<string | null>`case when ${allocations.port} is not null then
  case when position(':' in ${host}) > 0 then '[' || ${host} || ']' else ${host} end || ':' || ${allocations.port} end`;

/** Columns of a server as the API shows it; the statement joins the six tables that they come from. */
export const serverColumns = {
  id: servers.id,
  name: servers.name,
  description: servers.description,
  ownerId: servers.ownerId,
  ownerName: users.username,
  nodeId: servers.nodeId,
  nodeName: nodes.name,
  nodeIsOnline: nodes.isOnline,
  locationId: nodes.locationId,
  templateId: servers.templateId,
  templateName: templates.name,
  status: statusColumn,
  statusReason: serverObserved.reason,
  exitCode: serverObserved.exitCode,
  startedAt: isoTime<string | null>(serverObserved.startedAt),
  desiredPower: servers.desiredPower,
  isSuspended: servers.isSuspended,
  allocatedMemoryMb: servers.memoryMb,
  allocatedCpuCores: servers.cpuCores,
  allocatedDiskMb: servers.diskMb,
  primaryIp: allocations.ip,
  primaryPort: allocations.port,
  connectAddress,
  networkMode: servers.networkMode,
  createdAt: isoTime<string>(servers.createdAt),
  updatedAt: isoTime<string>(servers.updatedAt),
} satisfies Record<keyof Server, unknown>;
