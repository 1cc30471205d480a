/** Agents replace themselves when they are told to: what that is told with. */
import { z } from "zod";
import { correlationIdSchema } from "./ids.ts";

/** Largest bundle that an agent takes. */
export const AGENT_BUNDLE_MAX_BYTES = 32 * 1024 * 1024;
export const UPDATE_REASON_MAX = 300;

/** A build of the agent: the release it belongs to, and the SHA-256 of its bundle. */
export const agentBuildSchema = z.object({
  version: z.string().regex(/^[0-9A-Za-z.-]{1,48}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type AgentBuild = z.infer<typeof agentBuildSchema>;

const SHOWN_HASH_LENGTH = 12;

/** How a build is named: two bundles of one release are told apart. At most 61 characters. */
export function buildName({ version, sha256 }: AgentBuild): string {
  return `${version}+${sha256.slice(0, SHOWN_HASH_LENGTH)}`;
}

/** `current`: the agent is of that build already. `started`: it fetches it, and comes back as it or says why not. */
export const updateReplySchema = z.object({ state: z.enum(["started", "current"]) });
export type UpdateReply = z.infer<typeof updateReplySchema>;

/** An update that did not come to be; the agent is the one it was. */
export const updateFailureSchema = z.object({
  updateId: correlationIdSchema,
  reason: z.string().min(1).max(UPDATE_REASON_MAX),
});
export type UpdateFailure = z.infer<typeof updateFailureSchema>;

/** What the control plane keeps of a node's last update until the agent comes back as the build that was asked for. */
export interface AgentUpdate {
  id: string;
  /** Name of the build that was asked for. */
  version: string;
  status: "requested" | "failed";
  reason: string | null;
  /** ISO 8601. */
  at: string;
}
