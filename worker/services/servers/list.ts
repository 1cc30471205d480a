import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { z } from "zod";
import type { Server, serverListQuerySchema } from "../../../protocol/api/servers.ts";
import { admitCaller, type CallerRow, callerQuery } from "../../auth/caller.ts";
import type { Credential } from "../../auth/credential.ts";
import { narrow, refuse, SEES_EVERY_SERVER } from "../../auth/permissions.ts";
import type { RequestContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { serverColumns } from "./columns.ts";

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
 * The servers on the page. Staff walk the primary key; everybody else starts from their own servers and grants. The
 * two branches exclude each other, so either way the work is that of a page and not of the installation.
 */
function visiblePage(filter: Filter): SQL {
  const observed = filter.status ? sql`left join server_observed o on o.server_id = s.id` : sql``;
  const where = condition(filter);
  const limit = filter.limit + 1;
  const seesAll = sql`(select caller_role_permissions && ${sql.param(SEES_EVERY_SERVER)}::text[] from caller)`;
  return sql`
    (select s.* from servers s ${observed} where ${seesAll} and ${where} order by s.id limit ${limit}::int)
    union all
    (select s.* from servers s ${observed}
      where not ${seesAll} and ${where} and s.id in (
        select m.id from servers m where m.owner_id = (select caller_user_id from caller)
        union select g.server_id from grants g
          where g.user_id = (select caller_user_id from caller) and 'server.read' = any(g.permissions)
      ) order by s.id limit ${limit}::int)`;
}

const NAMES = Object.keys(serverColumns) as (keyof Server)[];

/** The parts of the statement that hold no parameter; their text is made once. */
const SELECTED = (() => {
  const columns = Object.entries(serverColumns).map(([name, column]) => sql`${column} as ${sql.identifier(name)}`);
  return sql.raw(new PgDialect().sqlToQuery(sql.join(columns, sql`, `)).sql);
})();
const GATHERED = sql.raw(NAMES.map((name) => `json_agg(shown."${name}")`).join(", "));

/** Column by column as Postgres gathers them, each null when there is no row. */
type Columns = (unknown[] | null)[];

function toRows(columns: Columns): Server[] {
  const count = columns[0]?.length ?? 0;
  return Array.from({ length: count }, (_, index) => {
    const row: Record<string, unknown> = {};
    for (let column = 0; column < NAMES.length; column++) row[NAMES[column]!] = columns[column]![index];
    return row as unknown as Server;
  });
}

/**
 * A page of the servers that the caller may see, in one statement together with the caller's own row: whose session
 * it is and what they may see is decided in SQL, so the list costs one round trip.
 *
 * The page comes as one JSON value, gathered by column: that is half the bytes and half of Postgres's work of an
 * object a server, and is parsed many times faster than as many cells.
 *
 * @throws Refusal as `admitCaller`; PERMISSION_DENIED for a key without the scope
 */
export async function listServers(ctx: RequestContext, credential: Credential, filter: Filter) {
  const { rows } = await ctx.db.execute<CallerRow & { columns: Columns }>(sql`
    with caller as materialized (${callerQuery(credential)}),
    page as (${visiblePage(filter)})
    select caller.*, (
      select json_build_array(${GATHERED}) from (
        select ${SELECTED} from page servers
          join users on users.id = servers.owner_id
          join nodes on nodes.id = servers.node_id
          join templates on templates.id = servers.template_id
          left join server_observed on server_observed.server_id = servers.id
          left join allocations on allocations.server_id = servers.id and allocations.is_primary
        order by servers.id
      ) shown
    ) as columns
    from caller`);
  const row = rows[0];
  const caller = admitCaller(row, credential, ctx.clock.now(), ctx.clientAddress);
  if (narrow(["server.read"], caller.credential.scopes).length === 0) throw refuse("server.read");
  return { caller, ...pageOf(toRows(row!.columns), filter.limit, (server) => [server.id]) };
}
