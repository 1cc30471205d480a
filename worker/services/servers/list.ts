import { and, eq, type SQL, sql } from "drizzle-orm";
import type { z } from "zod";
import { allocations, nodes, serverObserved, servers, templates, users } from "../../../drizzle/schema/index.ts";
import type { serverListQuerySchema } from "../../../protocol/api/servers.ts";
import { admitCaller, callerColumns, callerSource } from "../../auth/caller.ts";
import type { Credential } from "../../auth/credential.ts";
import { narrow, refuse, SEES_EVERY_SERVER } from "../../auth/permissions.ts";
import type { RequestContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { type ServerRow, serverColumns, toServer } from "./columns.ts";

type Filter = z.output<typeof serverListQuerySchema>;

const STATUS = sql.raw(`case when s.is_suspended then 'suspended' when o.state is not null then o.state
  when coalesce(s.template_snapshot->>'installScript', '') <> '' then 'installing' else 'stopped' end`);

function condition({ cursor, nodeId, status, q }: Filter): SQL {
  const after = decodeCursor(cursor, 1);
  const parts: SQL[] = [];
  if (after) parts.push(sql`s.id > ${after[0]}`);
  if (nodeId) parts.push(sql`s.node_id = ${nodeId}`);
  if (q) parts.push(sql`(s.name ilike ${containing(q)} or s.id = ${q})`);
  if (status) parts.push(sql`${STATUS} = ${status}`);
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `);
}

/**
 * The ids on the page. Staff walk the primary key; everybody else starts from their own servers and grants. The two
 * branches exclude each other, so either way the work is that of a page and not of the installation.
 */
function visiblePage(filter: Filter): SQL {
  const observed = filter.status ? sql`left join server_observed o on o.server_id = s.id` : sql``;
  const where = condition(filter);
  const limit = filter.limit + 1;
  const seesAll = sql`("caller"."caller_role_permissions" && ${sql.param(SEES_EVERY_SERVER)}::text[])`;
  return sql`(
    (select s.id from servers s ${observed} where ${seesAll} and ${where} order by s.id limit ${limit}::int)
    union all
    (select s.id from (
        select m.id from servers m where m.owner_id = "caller"."caller_user_id"
        union select g.server_id from grants g
          where g.user_id = "caller"."caller_user_id" and 'server.read' = any(g.permissions)
      ) mine join servers s on s.id = mine.id ${observed}
      where not ${seesAll} and ${where} order by s.id limit ${limit}::int)
  ) page`;
}

/**
 * A page of the servers that the caller may see, in one statement together with the caller's own row: whose session
 * it is and what they may see is decided in SQL, so the list costs one round trip.
 *
 * @throws Refusal as `admitCaller`; PERMISSION_DENIED for a key without the scope
 */
export async function listServers(ctx: RequestContext, credential: Credential, filter: Filter) {
  const caller = callerSource(ctx.db, credential);
  const rows = await ctx.db
    .select({ caller: callerColumns(caller), server: serverColumns })
    .from(caller)
    .leftJoinLateral(visiblePage(filter), sql`true`)
    .leftJoin(servers, eq(servers.id, sql`page.id`))
    .leftJoin(users, eq(users.id, servers.ownerId))
    .leftJoin(nodes, eq(nodes.id, servers.nodeId))
    .leftJoin(templates, eq(templates.id, servers.templateId))
    .leftJoin(serverObserved, eq(serverObserved.serverId, servers.id))
    .leftJoin(allocations, and(eq(allocations.serverId, servers.id), eq(allocations.isPrimary, true)))
    .orderBy(servers.id);
  const admitted = admitCaller(rows[0]?.caller, credential, ctx.clock.now(), ctx.clientAddress);
  if (narrow(["server.read"], admitted.credential.scopes).length === 0) throw refuse("server.read");
  const found = rows.map((row) => row.server as ServerRow).filter((server) => server.id !== null);
  return { caller: admitted, ...pageOf(found, filter.limit, (server) => [server.id!], toServer) };
}
