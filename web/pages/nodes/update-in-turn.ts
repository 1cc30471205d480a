/** Updates the agents of several nodes, one after another, so that a build that fails is noticed on one node at a time. Pure but for what it is given. */
import type { Node, UpdateAgentReply } from "../../../protocol/api/nodes.ts";

export type UpdateProgress =
  | { state: "waiting" | "updating" | "done" | "silent" }
  /** `reason` is a sentence for whoever looks on. */
  | { state: "failed"; reason: string };

export interface UpdateMeans {
  ask(nodeId: string): Promise<UpdateAgentReply>;
  look(nodeId: string): Promise<Pick<Node, "agentVersion" | "agentUpdate">>;
  /** Waits until it is time to look again; rejects when nobody looks on any more. */
  pause(): Promise<void>;
  /** Words of a refusal. */
  reasonOf(error: unknown): string;
  onProgress(nodeId: string, progress: UpdateProgress): void;
  /** How often a node is looked at before the next one gets its turn. */
  looks: number;
}

/**
 * A node that refuses, fails or says nothing does not keep the next from its turn.
 *
 * @throws what `pause` rejects with: no further node is asked then.
 */
export async function updateInTurn(nodeIds: readonly string[], means: UpdateMeans): Promise<void> {
  for (const nodeId of nodeIds) means.onProgress(nodeId, { state: "waiting" });
  for (const nodeId of nodeIds) {
    means.onProgress(nodeId, { state: "updating" });
    means.onProgress(nodeId, await updateOne(nodeId, means));
  }
}

async function updateOne(nodeId: string, { ask, look, pause, reasonOf, looks }: UpdateMeans): Promise<UpdateProgress> {
  let version: string;
  try {
    const answer = await ask(nodeId);
    if (answer.state === "current") return { state: "done" };
    version = answer.version;
  } catch (error) {
    return { state: "failed", reason: reasonOf(error) };
  }
  for (let seen = 0; seen < looks; seen++) {
    await pause();
    // The panel may be out of reach for a moment: the next look tells.
    const node = await look(nodeId).catch(() => null);
    if (!node) continue;
    if (node.agentUpdate?.status === "failed") {
      return { state: "failed", reason: node.agentUpdate.reason ?? "The node did not say why." };
    }
    if (node.agentVersion === version) return { state: "done" };
  }
  return { state: "silent" };
}
