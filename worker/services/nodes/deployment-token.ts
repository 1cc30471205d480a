import { v7 as uuidv7 } from "uuid";
import { deploymentTokens } from "../../../drizzle/schema/index.ts";
import { DEPLOYMENT_TOKEN_TTL_MS } from "../../../protocol/limits.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import { newSecret, secretHash } from "../../auth/secret.ts";
import type { CallerContext } from "../../context.ts";
import { auditEntry } from "../audit/entry.ts";
import { findNode } from "./read.ts";

export const DEPLOYMENT_TOKEN_PREFIX = "catd_";
export const DEPLOYMENT_TOKEN = /^catd_[A-Za-z0-9_-]{43}$/;

/** Makes a token by which one machine can become this node, once, within an hour. */
export async function createDeploymentToken(ctx: CallerContext, nodeId: string) {
  requireGlobal(ctx.caller, "node.update");
  await findNode(ctx, nodeId);
  const token = newSecret(DEPLOYMENT_TOKEN_PREFIX);
  const expiresAt = new Date(ctx.clock.now() + DEPLOYMENT_TOKEN_TTL_MS);
  const createdBy = ctx.caller.userId;
  await ctx.db.batch([
    ctx.db
      .insert(deploymentTokens)
      .values({ id: uuidv7(), nodeId, tokenHash: secretHash(token), createdBy, expiresAt }),
    auditEntry(ctx, { action: "node.deployment_token", targetType: "node", targetId: nodeId }),
  ]);
  const deployUrl = `${ctx.origin}/api/deploy/${token}`;
  return {
    deploymentToken: token,
    deployUrl,
    command: `curl -fsSL '${deployUrl}' | sudo bash`,
    expiresAt: expiresAt.toISOString(),
  };
}
