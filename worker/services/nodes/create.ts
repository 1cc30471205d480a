import { eq } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { locations, nodeCredentials, nodes } from "../../../drizzle/schema/index.ts";
import type { createNodeBodySchema } from "../../../protocol/api/nodes.ts";
import { requireGlobal } from "../../auth/permissions.ts";
import { newSecret, secretHash } from "../../auth/secret.ts";
import type { CallerContext } from "../../context.ts";
import { noSuch } from "../../errors.ts";
import { auditEntry } from "../audit/entry.ts";
import { canonicalIp } from "../pools/addresses.ts";
import { getNode } from "./read.ts";

export const NODE_SECRET_PREFIX = "catn_";

/** Makes a node and its first secret, which is told in this answer alone. */
export async function createNode(ctx: CallerContext, body: z.output<typeof createNodeBodySchema>) {
  requireGlobal(ctx.caller, "node.create");
  const [location] = await ctx.db.select({ id: locations.id }).from(locations).where(eq(locations.id, body.locationId));
  if (!location) throw noSuch("locationId", "location");
  const { id = uuidv7(), ...rest } = body;
  const values = { ...rest, bindAddress: canonicalIp(rest.bindAddress) };
  const secret = newSecret(NODE_SECRET_PREFIX);
  await ctx.db.batch([
    ctx.db.insert(nodes).values({ id, ...values }),
    ctx.db.insert(nodeCredentials).values({ id: uuidv7(), nodeId: id, secretHash: secretHash(secret) }),
    auditEntry(ctx, { action: "node.create", targetType: "node", targetId: id, details: { name: body.name } }),
  ]);
  return { ...(await getNode(ctx, id)), secret };
}
