import { and, eq, gt, isNull, or } from "drizzle-orm";
import { nodeCredentials, nodes } from "../../../drizzle/schema/index.ts";
import { idSchema } from "../../../protocol/ids.ts";
import { secretHash } from "../../auth/secret.ts";
import type { RequestContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";

export const NODE_HEADER = "x-catalyst-node";
const NODE_SECRET = /^Bearer (catn_[A-Za-z0-9_-]{43})$/;

export interface AgentContext extends RequestContext {
  nodeId: string;
  specGeneration: number;
}

/**
 * Proves that a request comes from a node's agent: the secret must be a live one of the very node it names.
 *
 * @throws Refusal UNAUTHENTICATED
 */
export async function identifyAgent(ctx: RequestContext, headers: Headers): Promise<AgentContext> {
  const nodeId = headers.get(NODE_HEADER) ?? "";
  const secret = NODE_SECRET.exec(headers.get("authorization") ?? "")?.[1];
  if (secret === undefined || !idSchema.safeParse(nodeId).success) throw refused();
  const [node] = await ctx.db
    .select({ specGeneration: nodes.specGeneration })
    .from(nodeCredentials)
    .innerJoin(nodes, eq(nodes.id, nodeCredentials.nodeId))
    .where(
      and(
        eq(nodeCredentials.secretHash, secretHash(secret)),
        eq(nodeCredentials.nodeId, nodeId),
        or(isNull(nodeCredentials.revokedAt), gt(nodeCredentials.revokedAt, new Date(ctx.clock.now()))),
      ),
    );
  if (!node) throw refused();
  return { ...ctx, nodeId, specGeneration: node.specGeneration };
}

const refused = () => new Refusal("UNAUTHENTICATED", "This is not a node's secret.");
