import { and, eq, lt } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { servers } from "../../../drizzle/schema/index.ts";
import { powerReplySchema } from "../../../protocol/agent-replies.ts";
import type { DesiredPower, PowerAction } from "../../../protocol/server-state.ts";
import type { ServerContext } from "../../context.ts";
import { readAgentReply } from "../agent-reply.ts";
import { auditEntry } from "../audit/entry.ts";
import { askAgent } from "../hub-request.ts";
import { requireNotHeld, requireNotSuspended, requireOnServer } from "./access.ts";

const DESIRED: Record<PowerAction, DesiredPower> = {
  start: "running",
  restart: "running",
  stop: "stopped",
  kill: "stopped",
};

/**
 * Asks the agent for a power action and remembers what was wished for once the agent has accepted.
 *
 * With no agent connected nothing changes. The wish is written only over an older one, because the agent's own report
 * of it may arrive by another way first.
 *
 * @throws Refusal SERVER_SUSPENDED, NODE_MAINTENANCE, NODE_OFFLINE, AGENT_TIMEOUT, or the agent's own (SERVER_ALREADY_RUNNING …)
 */
export async function setPower(ctx: ServerContext, action: PowerAction, commandId: string = uuidv7()) {
  requireOnServer(ctx, `server.${action}`);
  if (DESIRED[action] === "running") {
    requireNotSuspended(ctx);
    requireNotHeld(ctx);
  }
  const { id: serverId, nodeId } = ctx.server;
  const issuedAt = ctx.clock.now();
  const reply = readAgentReply(
    powerReplySchema,
    await askAgent(ctx, nodeId, { op: "power", serverId, action, commandId, issuedAt }),
  );
  await ctx.db.batch([
    ctx.db
      .update(servers)
      .set({ desiredPower: DESIRED[action], desiredPowerAt: issuedAt })
      .where(and(eq(servers.id, serverId), lt(servers.desiredPowerAt, issuedAt))),
    auditEntry(ctx, {
      action: `server.${action}`,
      targetType: "server",
      targetId: serverId,
      serverId,
      details: { commandId },
    }),
  ]);
  return { ...reply, commandId };
}
