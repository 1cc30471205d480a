import type { AgentOperation } from "../../protocol/frames/hub-to-agent.ts";
import type { HubIdentity, HubReply, HubStatus, RevocationFilter } from "../../protocol/hub-rpc.ts";
import type { Hub, Hubs } from "../ports/hub.ts";

export interface FakeHub extends Hub {
  nodeId: string;
  requests: { operation: AgentOperation; requestId: string; deadlineMs: number }[];
  generations: number[];
  revocations: { filter: RevocationFilter; closeCode: number; reason: string }[];
  disconnects: string[];
  identities: HubIdentity[];
  /** What the agent answers; replace it to make it refuse or to stay silent. */
  answer: (operation: AgentOperation) => HubReply | Promise<HubReply>;
  agentConnected: boolean;
  /** Made by a test that wants a socket instead of the plain answer. */
  connectWith: ((identity: HubIdentity) => Response) | null;
}

const OFFLINE: HubReply = { ok: false, code: "NODE_OFFLINE", error: "The node is offline." };

function fakeHub(nodeId: string): FakeHub {
  const hub: FakeHub = {
    nodeId,
    requests: [],
    generations: [],
    revocations: [],
    disconnects: [],
    identities: [],
    agentConnected: false,
    connectWith: null,
    answer: () => ({ ok: true, data: null }),
    request: async (operation, requestId, deadlineMs) => {
      hub.requests.push({ operation, requestId, deadlineMs });
      return hub.agentConnected ? await hub.answer(operation) : OFFLINE;
    },
    setSpecGeneration: async (generation) => void hub.generations.push(generation),
    revoke: async (filter, closeCode, reason) => hub.revocations.push({ filter, closeCode, reason }),
    disconnectAgent: async (reason) => void hub.disconnects.push(reason),
    status: async (): Promise<HubStatus> => ({
      agentConnected: hub.agentConnected,
      epoch: 1,
      agentVersion: null,
      runtime: null,
      viewerCount: 0,
      outboxDepth: 0,
    }),
    connect: async (identity) => {
      hub.identities.push(identity);
      return hub.connectWith?.(identity) ?? new Response("connected", { headers: { "x-fake-hub": nodeId } });
    },
  };
  return hub;
}

/** Hubs that record what the Worker asks of them. */
export class FakeHubs implements Hubs {
  readonly #hubs = new Map<string, FakeHub>();

  of(nodeId: string): FakeHub {
    const known = this.#hubs.get(nodeId) ?? fakeHub(nodeId);
    this.#hubs.set(nodeId, known);
    return known;
  }
}
