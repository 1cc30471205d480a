/** This machine's nodes as the panel knows them: made and given a deployment token through its API. */
import { statfsSync } from "node:fs";
import { availableParallelism, networkInterfaces, totalmem } from "node:os";
import type { Operator } from "./operator.ts";

export interface NodeTraits {
  id: string;
  publicAddress: string;
  bindAddress: string;
  maxMemoryMb: number;
  maxCpuCores: number;
  maxDiskMb: number;
  /** Ports of its own, where several nodes share the machine; null for the first, which takes the usual ones. */
  ports: string | null;
}

const FIRST_PORT = 25_565;
const PORTS_PER_NODE = 50;

/** What the node with this index, of `count` that share the machine, has to give. */
export function nodeTraits(index: number, count: number, host: string, dataDir: string): NodeTraits {
  const isPrivate = host === "localhost" || host === "::1" || host.startsWith("127.");
  const disk = statfsSync(dataDir);
  const freeMb = Math.floor((disk.bavail * disk.bsize) / 2 ** 20);
  const firstPort = FIRST_PORT + index * PORTS_PER_NODE;
  return {
    id: nodeId(index),
    publicAddress: isPrivate ? "127.0.0.1" : reachableAddress(host),
    bindAddress: isPrivate ? "127.0.0.1" : "0.0.0.0",
    maxMemoryMb: Math.max(64, Math.floor(totalmem() / 2 ** 20 / count)),
    maxCpuCores: Math.max(0.1, Math.floor((availableParallelism() / count) * 10) / 10),
    maxDiskMb: Math.max(64, Math.floor(freeMb / count)),
    ports: index === 0 ? null : `${firstPort}-${firstPort + PORTS_PER_NODE - 1}`,
  };
}

export const nodeId = (index: number): string => `node-${index + 1}`;

/** Makes the node unless the panel has it. */
export async function ensureNode(operator: Operator, node: NodeTraits): Promise<void> {
  const known = await operator.call<{ id: string }[]>("GET", "/api/nodes?limit=200");
  if (known.some(({ id }) => id === node.id)) return;
  const [location] = await operator.call<{ id: string }[]>("GET", "/api/locations?limit=1");
  if (!location) throw new Error("the panel has no location to put a node in");
  const { ports, ...traits } = node;
  await operator.call("POST", "/api/nodes", {
    ...traits,
    name: node.id,
    locationId: location.id,
    hostname: "localhost",
  });
  if (ports !== null) await operator.call("POST", `/api/nodes/${node.id}/allocations`, { ports });
}

/** A token that enrols one agent as this node. */
export async function deploymentToken(operator: Operator, id: string): Promise<string> {
  const answer = await operator.call<{ deploymentToken: string }>("POST", `/api/nodes/${id}/deployment-token`);
  return answer.deploymentToken;
}

/** The address in the local network where no particular one is listened on. */
function reachableAddress(host: string): string {
  if (host !== "0.0.0.0" && host !== "::" && host !== "*") return host;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((address) => address.family === "IPv4" && !address.internal)?.address ?? "127.0.0.1";
}
