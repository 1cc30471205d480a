import { and, eq, gt, isNull } from "drizzle-orm";
import { deploymentTokens } from "../../../drizzle/schema/index.ts";
import { secretHash } from "../../auth/secret.ts";
import type { RequestContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { DEPLOYMENT_TOKEN } from "./deployment-token.ts";

/**
 * Whether a deployment token would still enrol a machine. Fetching its script uses nothing up.
 *
 * @throws Refusal NOT_FOUND
 */
export async function requireLiveToken(ctx: RequestContext, token: string): Promise<void> {
  const isLive = and(
    eq(deploymentTokens.tokenHash, secretHash(token)),
    isNull(deploymentTokens.usedAt),
    gt(deploymentTokens.expiresAt, new Date(ctx.clock.now())),
  );
  if (DEPLOYMENT_TOKEN.test(token)) {
    const [live] = await ctx.db.select({ id: deploymentTokens.id }).from(deploymentTokens).where(isLive);
    if (live) return;
  }
  throw new Refusal(
    "NOT_FOUND",
    "This deployment link is unknown, was used, or has expired. Make a new one in the panel.",
  );
}
