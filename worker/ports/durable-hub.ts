import { HUB_IDENTITY_HEADER } from "../../protocol/hub-rpc.ts";
import type { Env } from "../env.ts";
import type { Hub, Hubs } from "./hub.ts";

/** Hubs as Durable Objects, one per node, addressed by the node's id. */
export function durableHubs(namespace: Env["NODE_HUB"]): Hubs {
  return { of: (nodeId) => durableHub(namespace, nodeId) };
}

function durableHub(namespace: Env["NODE_HUB"], nodeId: string): Hub {
  // A stub whose object was reset stays broken, so each call takes a new one.
  const stub = () => namespace.getByName(nodeId);
  return {
    request: async (operation, requestId, deadlineMs) => await stub().request(operation, requestId, deadlineMs),
    setSpecGeneration: async (generation) => await stub().setSpecGeneration(generation),
    revoke: async (filter, closeCode, reason) => await stub().revoke(filter, closeCode, reason),
    disconnectAgent: async (reason) => await stub().disconnectAgent(reason),
    status: async () => await stub().status(),
    connect: async (identity) =>
      await stub().fetch("https://hub.internal/connect", {
        headers: { Upgrade: "websocket", [HUB_IDENTITY_HEADER]: JSON.stringify(identity) },
      }),
  };
}
