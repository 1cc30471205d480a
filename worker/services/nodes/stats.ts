import { healthReplySchema } from "../../../protocol/agent-replies.ts";
import type { HealthReport } from "../../../protocol/frames/shared.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { readAgentReply } from "../agent-reply.ts";
import { askAgent } from "../hub-request.ts";
import { findNode } from "./read.ts";

/** The node's health as its agent measures it now. @throws Refusal NODE_OFFLINE, AGENT_TIMEOUT */
export async function nodeStats(ctx: CallerContext, nodeId: string): Promise<HealthReport> {
  requireGlobal(ctx.caller, "node.view_stats");
  await findNode(ctx, nodeId);
  return readAgentReply(healthReplySchema, await askAgent(ctx, nodeId, { op: "health" }));
}
