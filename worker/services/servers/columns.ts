import { type SQLWrapper, sql } from "drizzle-orm";
import { allocations, nodes, serverObserved, servers } from "../../../drizzle/schema/index.ts";
import type { ServerState } from "../../../protocol/server-state.ts";

/** What a server is now: suspended if it shall be, else as last observed, else what a new server begins with. */
export const statusColumn = sql<ServerState>`case when servers.is_suspended then 'suspended'
  when server_observed.state is not null then server_observed.state
  when servers.has_install_script then 'installing' else 'stopped' end`;

/** A server on the network of one of the node's interfaces has an address of its own there; it publishes nothing. */
const macvlanAddress = sql<string | null>`(case when ${servers.networkMode} = 'pool' then (
  select host(a.ip) from pool_addresses a join ip_pools p on p.id = a.pool_id
  where a.server_id = ${servers.id} and p.kind = 'macvlan') end)`;

/** A point in time in milliseconds since 1970: a tenth of what its text costs Postgres, which counts in lists. */
const epochMs = <T extends number | null>(column: SQLWrapper) => sql<T>`(date_part('epoch', ${column}) * 1000)`;

/** What the API shows of a server, as its own rows hold it: the server's, its observed state's, its primary allocation's. */
export const serverColumns = {
  id: servers.id,
  name: servers.name,
  description: servers.description,
  ownerId: servers.ownerId,
  nodeId: servers.nodeId,
  templateId: servers.templateId,
  status: statusColumn,
  statusReason: serverObserved.reason,
  exitCode: serverObserved.exitCode,
  startedAtMs: epochMs<number | null>(serverObserved.startedAt),
  desiredPower: servers.desiredPower,
  isSuspended: servers.isSuspended,
  allocatedMemoryMb: servers.memoryMb,
  allocatedCpuCores: servers.cpuCores,
  allocatedDiskMb: servers.diskMb,
  primaryIp: allocations.ip,
  primaryPort: allocations.port,
  primaryAlias: allocations.alias,
  macvlanAddress,
  networkMode: servers.networkMode,
  createdAtMs: epochMs<number>(servers.createdAt),
  updatedAtMs: epochMs<number>(servers.updatedAt),
};

/** What the API shows of the others that a server belongs to; a list asks for each of them once. */
export const nodeColumns = {
  name: nodes.name,
  isOnline: nodes.isOnline,
  locationId: nodes.locationId,
  bindAddress: nodes.bindAddress,
  publicAddress: nodes.publicAddress,
};
