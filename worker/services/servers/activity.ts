import type { ListQuery } from "../../../protocol/api/envelope.ts";
import { hasGlobal } from "../../auth/permissions.ts";
import type { ServerContext } from "../../context.ts";
import { listAudit } from "../audit/list.ts";
import { requireOnServer } from "./access.ts";

/**
 * What was done with a server, newest first. From which address somebody else did it is for those to see who may read
 * the audit log: staff who acted on the server did not mean to show theirs to its users.
 */
export async function serverActivity(ctx: ServerContext, query: ListQuery) {
  requireOnServer(ctx, "activity.read");
  const page = await listAudit(ctx, { ...query, serverId: ctx.server.id });
  if (hasGlobal(ctx.caller, "audit.read")) return page;
  const items = page.items.map((entry) => (entry.actorId === ctx.caller.userId ? entry : { ...entry, ip: null }));
  return { ...page, items };
}
