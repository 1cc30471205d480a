import type { HubIdentity, NodeHubRpc } from "../../protocol/hub-rpc.ts";

/** One node's hub as the Worker sees it: its methods, and the one way to open a socket to it. */
export interface Hub extends NodeHubRpc {
  /**
   * Asks the hub to accept a socket for an identity that the Worker has proved.
   *
   * Nothing of the client's request reaches the hub: the upgrade request is made anew. The answer is a 101 that
   * carries the socket (`response.webSocket`), or the hub's refusal.
   */
  connect(identity: HubIdentity): Promise<Response>;
}

/** Finds the hub of a node. A hub exists for every id, whether or not an agent ever connected. */
export interface Hubs {
  of(nodeId: string): Hub;
}
