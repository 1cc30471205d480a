import type { Server } from "../../../protocol/api/servers.ts";
import { formatEndpoint } from "../../../protocol/endpoint.ts";
import { isoTime } from "../../iso-time.ts";

/** A server as `serverColumns` reads it. */
export interface ServerRecord
  extends Omit<
    Server,
    | "ownerName"
    | "nodeName"
    | "nodeIsOnline"
    | "locationId"
    | "templateName"
    | "connectAddress"
    | "startedAt"
    | "createdAt"
    | "updatedAt"
  > {
  startedAtMs: number | null;
  createdAtMs: number;
  updatedAtMs: number;
  primaryAlias: string | null;
  /** Its address on the network of one of the node's interfaces, where it has one. */
  macvlanAddress: string | null;
}

/** Its node as `nodeColumns` reads it. */
export interface NodeFacts {
  name: string;
  isOnline: boolean;
  locationId: string;
  bindAddress: string;
  publicAddress: string;
}

/** The names of those that a server belongs to. */
export interface Belonging {
  ownerName: string;
  templateName: string;
  node: NodeFacts;
}

/** A server as the API shows it. */
export const toServer = (record: ServerRecord, { ownerName, templateName, node }: Belonging): Server => ({
  id: record.id,
  name: record.name,
  description: record.description,
  ownerId: record.ownerId,
  ownerName,
  nodeId: record.nodeId,
  nodeName: node.name,
  nodeIsOnline: node.isOnline,
  locationId: node.locationId,
  templateId: record.templateId,
  templateName,
  status: record.status,
  statusReason: record.statusReason,
  exitCode: record.exitCode,
  startedAt: record.startedAtMs === null ? null : timeOf(record.startedAtMs),
  desiredPower: record.desiredPower,
  isSuspended: record.isSuspended,
  allocatedMemoryMb: record.allocatedMemoryMb,
  allocatedCpuCores: record.allocatedCpuCores,
  allocatedDiskMb: record.allocatedDiskMb,
  primaryIp: record.primaryIp,
  primaryPort: record.primaryPort,
  connectAddress: connectAddress(record, node),
  networkMode: record.networkMode,
  createdAt: timeOf(record.createdAtMs),
  updatedAt: timeOf(record.updatedAtMs),
});

/** Postgres counts microseconds; the API tells the milliseconds that have passed. */
const timeOf = (ms: number) => isoTime(Math.floor(ms + FLOAT_SLACK_MS));
/** Seconds since 1970 as a float are exact to a quarter of a microsecond. */
const FLOAT_SLACK_MS = 0.0005;

/**
 * Where players connect, `host:port`: the server's own address on a network of the node, the allocation's alias, its own address, or the node's public one when it binds to
 * all addresses or to the node's own. An IPv6 address stands in brackets.
 */
export function connectAddress(
  server: Pick<ServerRecord, "primaryIp" | "primaryPort" | "primaryAlias" | "macvlanAddress">,
  { bindAddress, publicAddress }: Pick<NodeFacts, "bindAddress" | "publicAddress">,
): string | null {
  const { primaryIp, primaryPort, primaryAlias, macvlanAddress } = server;
  if (primaryIp === null || primaryPort === null) return null;
  const isNodes = primaryIp === "0.0.0.0" || primaryIp === "::" || primaryIp === bindAddress;
  return formatEndpoint(macvlanAddress ?? (primaryAlias || (isNodes ? publicAddress : primaryIp)), primaryPort);
}
