import { and, asc, eq, isNotNull, sql } from "drizzle-orm";
import { allocations, ipPools, nodes, poolAddresses, serverObserved, servers } from "../../../drizzle/schema/index.ts";
import type { PoolNetwork } from "../../../protocol/network.ts";
import type { NodeSpec, ServerSpec } from "../../../protocol/spec.ts";
import { stopSignalOf } from "../../../protocol/stop-signal.ts";
import type { AgentContext } from "./agent-identity.ts";

type ServerRow = typeof servers.$inferSelect;
type AllocationRow = Pick<typeof allocations.$inferSelect, "serverId" | "ip" | "port" | "isPrimary">;

/**
 * Everything a node shall run. The generation is read in the same transaction and before the servers, so it can only
 * be older than what follows: at worst the agent pulls once more.
 */
export async function nodeSpec(ctx: AgentContext): Promise<NodeSpec> {
  const [[node], serverRows, allocationRows, poolRows] = await ctx.db.batch([
    ctx.db.select({ generation: nodes.specGeneration, mode: nodes.mode }).from(nodes).where(eq(nodes.id, ctx.nodeId)),
    ctx.db
      .select({ server: servers, installedGeneration: serverObserved.installedGeneration })
      .from(servers)
      .leftJoin(serverObserved, eq(serverObserved.serverId, servers.id))
      .where(eq(servers.nodeId, ctx.nodeId))
      .orderBy(asc(servers.id)),
    ctx.db
      .select({
        serverId: allocations.serverId,
        ip: allocations.ip,
        port: allocations.port,
        isPrimary: allocations.isPrimary,
      })
      .from(allocations)
      .where(and(eq(allocations.nodeId, ctx.nodeId), isNotNull(allocations.serverId)))
      .orderBy(asc(allocations.port)),
    ctx.db
      .select({
        serverId: poolAddresses.serverId,
        poolId: ipPools.id,
        name: ipPools.name,
        kind: ipPools.kind,
        parent: ipPools.parent,
        cidr: ipPools.cidr,
        gateway: sql<string>`host(${ipPools.gateway})`,
        isIsolated: ipPools.isIsolated,
        ip: sql<string>`host(${poolAddresses.ip})`,
      })
      .from(poolAddresses)
      .innerJoin(ipPools, eq(ipPools.id, poolAddresses.poolId))
      .where(eq(ipPools.nodeId, ctx.nodeId)),
  ]);
  const pools = new Map(poolRows.map(({ serverId, ...pool }) => [serverId, pool]));
  const byServer = Map.groupBy(allocationRows, (row) => row.serverId);
  return {
    nodeId: ctx.nodeId,
    generation: node?.generation ?? ctx.specGeneration,
    servers: serverRows.map(({ server, installedGeneration }) => ({
      ...toServerSpec(server, byServer.get(server.id) ?? [], pools.get(server.id) ?? null, installedGeneration ?? 0),
      held: node?.mode === "maintenance",
    })),
  };
}

/** The spec of one server: its own choices over the template it was made from. */
export function toServerSpec(
  row: ServerRow,
  addresses: readonly AllocationRow[],
  pool: PoolNetwork | null,
  installedGeneration: number,
): Omit<ServerSpec, "held"> {
  const template = row.templateSnapshot;
  const stopSignal = stopSignalOf(template);
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    templateId: row.templateId,
    image: row.image,
    installImage: template.installImage ?? row.image,
    installScript: template.installScript,
    installTimeoutSeconds: template.installTimeoutSeconds,
    installGeneration: row.installGeneration,
    // Snapshots of templates from before there was a choice have none.
    installAsRoot: template.installAsRoot ?? true,
    // Once it is known to be done no node is told of it again, whatever that node has forgotten.
    wipeGeneration: installedGeneration >= row.wipeGeneration ? 0 : row.wipeGeneration,
    imageRefreshAt: row.imageRefreshAt,
    startup: row.startup,
    stopCommand: stopSignal === null ? template.stopCommand : "",
    stopSignal,
    stopTimeoutSeconds: row.stopTimeoutSeconds ?? template.stopTimeoutSeconds,
    readyPattern: template.readyPattern,
    startTimeoutSeconds: template.startTimeoutSeconds,
    environment: row.environment,
    configFiles: template.configFiles,
    memoryMb: row.memoryMb,
    cpuCores: row.cpuCores,
    diskMb: row.diskMb,
    pidsLimit: row.pidsLimit,
    networkMode: row.networkMode,
    pool,
    ownerId: row.ownerId,
    allocations: addresses.map(({ ip, port, isPrimary }) => ({ ip, port, isPrimary })),
    desiredPower: row.desiredPower,
    desiredPowerAt: row.desiredPowerAt,
    suspended: row.isSuspended,
    restartPolicy: row.restartPolicy,
    maxCrashes: row.maxCrashes,
    crashWindowSeconds: row.crashWindowSeconds,
    crashResetAt: row.crashResetAt,
    memoryHeadroomMb: row.memoryHeadroomMb,
    swapMb: row.swapMb,
    cpuPinning: row.cpuPinning,
    ioWeight: row.ioWeight,
    openFilesLimit: row.openFilesLimit,
  };
}
