import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { newSecret, secretHash } from "../../auth/secret.ts";
import type { RequestContext } from "../../context.ts";
import { Refusal } from "../../errors.ts";
import { NODE_SECRET_PREFIX } from "./create.ts";
import { DEPLOYMENT_TOKEN } from "./deployment-token.ts";

export interface Enrolment {
  token: string;
  hostname: string;
  agentVersion: string;
  runtime: "nerdctl" | "process";
}

/**
 * Turns a deployment token into a node's secret, once.
 *
 * One statement takes the token, ends the node's earlier secrets and writes the new one, so that of two machines with
 * the same token exactly one gets an answer. The token's row is found by its hash, which no timing can be turned on.
 *
 * @throws Refusal INVALID_TOKEN for a token that is unknown, used or expired: which of them is nobody's business
 */
export async function enroll(ctx: RequestContext, body: Enrolment) {
  if (!DEPLOYMENT_TOKEN.test(body.token)) throw refused();
  const secret = newSecret(NODE_SECRET_PREFIX);
  const now = new Date(ctx.clock.now()).toISOString();
  const details = JSON.stringify({ hostname: body.hostname, runtime: body.runtime, agentVersion: body.agentVersion });
  const { rows } = await ctx.db.execute<{ node_id: string }>(sql`
    with taken as (
      update deployment_tokens set used_at = ${now}::timestamptz
      where token_hash = ${secretHash(body.token)} and used_at is null and expires_at > ${now}::timestamptz
      returning node_id
    ), ended as (
      update node_credentials set revoked_at = ${now}::timestamptz
      where node_id in (select node_id from taken) and (revoked_at is null or revoked_at > ${now}::timestamptz)
    ), given as (
      insert into node_credentials (id, node_id, secret_hash) select ${uuidv7()}, node_id, ${secretHash(secret)} from taken
    ), marked as (
      update nodes set enrolled_at = ${now}::timestamptz, agent_version = ${body.agentVersion}, runtime = ${body.runtime}
      where id in (select node_id from taken)
    ), audited as (
      insert into audit_log (id, at, action, target_type, target_id, request_id, ip, details)
      select ${uuidv7()}, ${now}::timestamptz, 'node.enroll', 'node', node_id, ${ctx.requestId}, ${ctx.clientAddress},
        ${details}::jsonb from taken
    )
    select node_id from taken`);
  const nodeId = rows[0]?.node_id;
  if (nodeId === undefined) throw refused();
  ctx.background(ctx.hubs.of(nodeId).disconnectAgent("another machine was enrolled as this node"));
  return { nodeId, secret, panelUrl: ctx.origin };
}

const refused = () => new Refusal("INVALID_TOKEN", "This deployment token is unknown, was used, or has expired.");
