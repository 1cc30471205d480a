import { logsReplySchema, statsReplySchema } from "../../../protocol/agent-replies.ts";
import type { ServerContext } from "../../context.ts";
import { readAgentReply } from "../agent-reply.ts";
import { auditEntry } from "../audit/entry.ts";
import { askAgent } from "../hub-request.ts";
import { requireNotSuspended, requireOnServer } from "./access.ts";

/** Types one line into the server's console. The line itself is in the console, not in the audit log. */
export async function sendCommand(ctx: ServerContext, command: string): Promise<void> {
  requireOnServer(ctx, "console.write");
  requireNotSuspended(ctx);
  const { id: serverId, nodeId } = ctx.server;
  await askAgent(ctx, nodeId, { op: "console_input", serverId, data: command });
  const characters = [...command].length;
  await auditEntry(ctx, {
    action: "console.command",
    targetType: "server",
    targetId: serverId,
    serverId,
    details: { characters },
  });
}

/** Console text `[from, from + limit)`, or the tail when `from` is left out. Offsets and limit are bytes. */
export async function readLogs(ctx: ServerContext, { from, limit }: { from?: number | undefined; limit: number }) {
  requireOnServer(ctx, "console.read");
  const { id: serverId, nodeId } = ctx.server;
  const operation = { op: "logs", serverId, from: from ?? null, limitBytes: limit } as const;
  return readAgentReply(logsReplySchema, await askAgent(ctx, nodeId, operation));
}

/** Live figures of one server. */
export async function serverStats(ctx: ServerContext) {
  requireOnServer(ctx, "server.read");
  const { id: serverId, nodeId } = ctx.server;
  return readAgentReply(statsReplySchema, await askAgent(ctx, nodeId, { op: "stats", serverId }));
}
