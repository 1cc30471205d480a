import { and, eq, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { nodes } from "../../../drizzle/schema/index.ts";
import { type AgentUpdate, buildName, type UpdateFailure, updateReplySchema } from "../../../protocol/agent-update.ts";
import type { UpdateAgentReply } from "../../../protocol/api/nodes.ts";
import { plainLine } from "../../../protocol/findings.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import type { CallerContext } from "../../context.ts";
import { agentManifest } from "../../deploy/agent-bundle.ts";
import { Refusal } from "../../errors.ts";
import { readAgentReply } from "../agent-reply.ts";
import { auditPart } from "../audit/entry.ts";
import { askAgent } from "../hub-request.ts";
import type { AgentContext } from "./agent-identity.ts";
import { findNode } from "./read.ts";

/** An update that was not heard of for so long may be asked for again. */
const UNDER_WAY_MS = 15 * 60_000;
const TOO_OLD = "This node's agent is too old to update itself. Run the command that connects the node again.";

/**
 * Asks a node's agent to become the build that this installation serves. The request is written before it is sent, so
 * that two people cannot start two updates and no failure is told of an update that nobody knows.
 *
 * @throws Refusal NODE_OFFLINE, CONFLICT, NOT_FOUND (no bundle in this installation)
 */
export async function updateAgent(ctx: CallerContext, nodeId: string): Promise<UpdateAgentReply> {
  requireGlobal(ctx.caller, "node.update");
  await findNode(ctx, nodeId);
  const { version: release, sha256 } = await agentManifest(ctx);
  const build = { version: release, sha256 };
  const version = buildName(build);
  const updateId = uuidv7();
  const before = await claim(ctx, nodeId, { id: updateId, version, status: "requested", reason: null, at: now(ctx) });
  try {
    const answer = await askAgent(ctx, nodeId, { op: "update", updateId, build });
    const { state } = readAgentReply(updateReplySchema, answer);
    if (state === "current") await restore(ctx, nodeId, updateId, before);
    return { state, version };
  } catch (error) {
    // Without an answer nobody knows whether it began.
    const isUnknown = error instanceof Refusal && error.code === "AGENT_TIMEOUT";
    if (!isUnknown) await restore(ctx, nodeId, updateId, before);
    throw error instanceof Refusal && error.code === "VALIDATION" ? new Refusal("CONFLICT", TOO_OLD) : error;
  }
}

const now = (ctx: { clock: { now(): number } }) => new Date(ctx.clock.now()).toISOString();
const isUpdate = (updateId: string) =>
  sql`${nodes.agentUpdate}->>'id' = ${updateId} and ${nodes.agentUpdate}->>'status' = 'requested'`;

/** Writes the request down, unless another is under way. @returns what stood there before */
async function claim(ctx: CallerContext, nodeId: string, update: AgentUpdate): Promise<AgentUpdate | null> {
  const stale = new Date(ctx.clock.now() - UNDER_WAY_MS).toISOString();
  const { rows } = await ctx.db.execute<{ before: AgentUpdate | null }>(sql`
    with known as (
      select id, agent_update as before from nodes
      where id = ${nodeId} and (agent_update is null or agent_update->>'status' <> 'requested'
        or agent_update->>'version' = agent_version or agent_update->>'at' < ${stale})
      for update
    ), claimed as (
      update nodes set agent_update = ${JSON.stringify(update)}::jsonb from known where nodes.id = known.id
      returning known.before
    ), audited as (${auditPart(
      ctx,
      { action: "node.update_agent", targetType: "node", targetId: nodeId, details: { version: update.version } },
      sql`exists (select 1 from claimed)`,
    )})
    select before from claimed`);
  if (!rows[0]) throw new Refusal("CONFLICT", "An update of this agent is under way.");
  return rows[0].before;
}

/** Nothing began: what stood there before stands there again. */
async function restore(ctx: CallerContext, nodeId: string, updateId: string, before: AgentUpdate | null) {
  await ctx.db
    .update(nodes)
    .set({ agentUpdate: before })
    .where(and(eq(nodes.id, nodeId), isUpdate(updateId)));
}

/** Keeps why an update came to nothing: once, and only of the one that was asked for. */
export async function keepUpdateFailure(ctx: AgentContext, failure: UpdateFailure): Promise<void> {
  const reason = plainLine(failure.reason);
  const change = { status: "failed", reason, at: now(ctx) };
  await ctx.db.execute(sql`
    with failed as (
      update nodes set agent_update = agent_update || ${JSON.stringify(change)}::jsonb
      where id = ${ctx.nodeId} and ${isUpdate(failure.updateId)} returning id
    )
    ${auditPart(
      ctx,
      { action: "node.update_agent_failed", targetType: "node", targetId: ctx.nodeId, details: { reason } },
      sql`exists (select 1 from failed)`,
    )}`);
}
