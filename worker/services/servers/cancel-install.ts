import { powerReplySchema } from "../../../protocol/agent-replies.ts";
import type { ServerContext } from "../../context.ts";
import { readAgentReply } from "../agent-reply.ts";
import { auditEntry } from "../audit/entry.ts";
import { askAgent } from "../hub-request.ts";
import { requireNotSuspended, requireOnServer } from "./access.ts";

/**
 * Ends an install that is under way. Its outcome comes as the state `error`; a start or a reinstall begins it anew.
 *
 * @throws Refusal CONFLICT when none is under way, NODE_OFFLINE, AGENT_TIMEOUT
 */
export async function cancelInstall(ctx: ServerContext) {
  requireOnServer(ctx, "server.reinstall");
  requireNotSuspended(ctx);
  const { id, nodeId } = ctx.server;
  const reply = await askAgent(ctx, nodeId, { op: "cancel_install", serverId: id });
  await auditEntry(ctx, { action: "server.install.cancel", targetType: "server", targetId: id, serverId: id });
  return readAgentReply(powerReplySchema, reply);
}
