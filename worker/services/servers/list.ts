import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { z } from "zod";
import type { serverListQuerySchema } from "../../../protocol/api/servers.ts";
import { admitCaller, callerSource, type RawCallerRow, toCallerRow } from "../../auth/caller.ts";
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

/** One server as JSON. It has no parameter, so its text is made once. */
const SERVER_AS_JSON = (() => {
  const pairs = Object.entries(serverColumns).map(([name, column]) => sql`${sql.raw(`'${name}'`)}, ${column}`);
  return sql.raw(new PgDialect().sqlToQuery(sql`json_build_object(${sql.join(pairs, sql`, `)})`).sql);
})();

/**
 * A page of the servers that the caller may see, in one statement together with the caller's own row: whose session
 * it is and what they may see is decided in SQL, so the list costs one round trip. The page comes as one JSON value,
 * which is parsed many times faster than as many cells.
 *
 * @throws Refusal as `admitCaller`; PERMISSION_DENIED for a key without the scope
 */
export async function listServers(ctx: RequestContext, credential: Credential, filter: Filter) {
  const { rows } = await ctx.db.execute<RawCallerRow & { servers: ServerRow[] }>(sql`
    select "caller".*, coalesce((
      select json_agg(${SERVER_AS_JSON} order by servers.id)
      from ${visiblePage(filter)}
        join servers on servers.id = page.id
        join users on users.id = servers.owner_id
        join nodes on nodes.id = servers.node_id
        join templates on templates.id = servers.template_id
        left join server_observed on server_observed.server_id = servers.id
        left join allocations on allocations.server_id = servers.id and allocations.is_primary
    ), '[]'::json) as servers
    from ${callerSource(ctx.db, credential)}`);
  const row = rows[0];
  const caller = admitCaller(row && toCallerRow(row), credential, ctx.clock.now(), ctx.clientAddress);
  if (narrow(["server.read"], caller.credential.scopes).length === 0) throw refuse("server.read");
  return { caller, ...pageOf(row?.servers ?? [], filter.limit, (server) => [server.id], toServer) };
}
