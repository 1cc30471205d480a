import { and, eq, isNull, lt, or } from "drizzle-orm";
import { nodes } from "../../../drizzle/schema/index.ts";
import type { NodeDetail } from "../../../protocol/api/nodes.ts";
import { type Finding, type PreflightReply, plainLine, preflightReplySchema } from "../../../protocol/findings.ts";
import { refuse } from "../../auth/permissions.ts";
import type { CallerContext, RequestContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { readAgentReply } from "../agent-reply.ts";
import { askAgent } from "../hub-request.ts";
import type { AgentContext } from "./agent-identity.ts";
import { findNode, getNode, seesFindings } from "./read.ts";

/** A check starts programs and looks at disks. */
const CHECK_DEADLINE_MS = 30_000;
/** A node tells once after it started; a stolen one shall not write all day. */
const REPORT_INTERVAL_MS = 5_000;

/** Checks a node's health now and keeps what was found. @throws Refusal NODE_OFFLINE, AGENT_TIMEOUT */
export async function checkNode(ctx: CallerContext, nodeId: string): Promise<NodeDetail> {
  if (!seesFindings(ctx)) throw refuse("node.view_stats");
  await findNode(ctx, nodeId);
  const operation = { op: "preflight", serverTime: ctx.clock.now() } as const;
  const reply = readAgentReply(preflightReplySchema, await askAgent(ctx, nodeId, operation, CHECK_DEADLINE_MS));
  await ctx.db.update(nodes).set(columnsOf(ctx, reply)).where(eq(nodes.id, nodeId));
  return await getNode(ctx, nodeId);
}

/** Keeps what a node's agent found by itself. @throws Refusal RATE_LIMITED when it told something a moment ago */
export async function keepFindings(ctx: AgentContext, reply: PreflightReply): Promise<void> {
  const before = new Date(ctx.clock.now() - REPORT_INTERVAL_MS);
  const kept = await ctx.db
    .update(nodes)
    .set(columnsOf(ctx, reply))
    .where(and(eq(nodes.id, ctx.nodeId), or(isNull(nodes.findingsAt), lt(nodes.findingsAt, before))))
    .returning({ id: nodes.id });
  if (kept.length === 0) throw new Refusal("RATE_LIMITED", "This node reported a moment ago.");
}

function columnsOf(ctx: RequestContext, { findings, machine }: PreflightReply) {
  return { findings: shownOnly(findings), machine, findingsAt: new Date(ctx.clock.now()) };
}

/** One finding an id, and text that can only be read. */
function shownOnly(findings: readonly Finding[]): Finding[] {
  const byId = new Map<string, Finding>();
  for (const { id, level, subject, message, remedy } of findings) {
    const name = plainLine(subject) || id;
    byId.set(id, { id, level, subject: name, message: plainLine(message), remedy: plainLine(remedy) });
  }
  return [...byId.values()];
}
