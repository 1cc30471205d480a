import { type SQL, sql } from "drizzle-orm";
import type { z } from "zod";
import type { Server, serverListQuerySchema } from "../../../protocol/api/servers.ts";
import { admitCaller, CALLER_QUERIES, type CallerRow, callerValues } from "../../auth/caller.ts";
import type { Credential } from "../../auth/credential.ts";
import { narrow, refuse, SEES_EVERY_SERVER } from "../../auth/permissions.ts";
import type { RequestContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { Statement } from "../../db/statement.ts";
import { serverColumns } from "./columns.ts";

type Filter = z.output<typeof serverListQuerySchema>;

const STATUS = sql.raw(`case when s.is_suspended then 'suspended' when o.state is not null then o.state
  when coalesce(s.template_snapshot->>'installScript', '') <> '' then 'installing' else 'stopped' end`);

/** Which of the filters a statement has; their values are its parameters. */
type Shape = Record<"cursor" | "nodeId" | "q" | "status", boolean>;

function condition(shape: Shape): SQL {
  const parts: SQL[] = [];
  if (shape.cursor) parts.push(sql`s.id > ${sql.placeholder("after")}`);
  if (shape.nodeId) parts.push(sql`s.node_id = ${sql.placeholder("nodeId")}`);
  if (shape.q) parts.push(sql`(s.name ilike ${sql.placeholder("containing")} or s.id = ${sql.placeholder("q")})`);
  if (shape.status) parts.push(sql`${STATUS} = ${sql.placeholder("status")}`);
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `);
}

/**
 * The servers on the page. Staff walk the primary key; everybody else starts from their own servers and grants. The
 * two branches exclude each other, so either way the work is that of a page and not of the installation.
 */
function visiblePage(shape: Shape): SQL {
  const observed = shape.status ? sql`left join server_observed o on o.server_id = s.id` : sql``;
  const where = condition(shape);
  const limit = sql`${sql.placeholder("limit")}::int`;
  const seesAll = sql`(select caller_role_permissions && ${sql.param(SEES_EVERY_SERVER)}::text[] from caller)`;
  return sql`
    (select s.* from servers s ${observed} where ${seesAll} and ${where} order by s.id limit ${limit})
    union all
    (select s.* from servers s ${observed}
      where not ${seesAll} and ${where} and s.id in (
        select m.id from servers m where m.owner_id = (select caller_user_id from caller)
        union select g.server_id from grants g
          where g.user_id = (select caller_user_id from caller) and 'server.read' = any(g.permissions)
      ) order by s.id limit ${limit})`;
}

/** Column by column as Postgres gathers them, each null when there is no row. */
type Columns = { [Name in keyof Server]: Server[Name][] };
type Row = CallerRow & { columns: Columns | Record<keyof Server, null> };

const COLUMNS = Object.entries(serverColumns);
const SELECTED = sql.join(
  COLUMNS.map(([name, column]) => sql`${column} as ${sql.identifier(name)}`),
  sql`, `,
);
const GATHERED = sql.raw(COLUMNS.map(([name]) => `'${name}', json_agg(shown."${name}")`).join(", "));

const statements = new Map<string, Statement<Row>>();

function statementFor(kind: Credential["kind"], shape: Shape): Statement<Row> {
  const key = `${kind} ${Object.entries(shape).filter(([, isSet]) => isSet)}`;
  const known = statements.get(key);
  if (known) return known;
  const statement = new Statement<Row>(sql`
    with caller as materialized (${CALLER_QUERIES[kind]}),
    page as (${visiblePage(shape)})
    select caller.*, (
      select json_build_object(${GATHERED}) from (
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
  statements.set(key, statement);
  return statement;
}

/** Written out, because objects of one literal are made several times faster than by assigning names one by one. */
const serverAt = (columns: Columns, index: number): Server => ({
  id: columns.id[index]!,
  name: columns.name[index]!,
  description: columns.description[index]!,
  ownerId: columns.ownerId[index]!,
  ownerName: columns.ownerName[index]!,
  nodeId: columns.nodeId[index]!,
  nodeName: columns.nodeName[index]!,
  nodeIsOnline: columns.nodeIsOnline[index]!,
  locationId: columns.locationId[index]!,
  templateId: columns.templateId[index]!,
  templateName: columns.templateName[index]!,
  status: columns.status[index]!,
  statusReason: columns.statusReason[index]!,
  exitCode: columns.exitCode[index]!,
  startedAt: columns.startedAt[index]!,
  desiredPower: columns.desiredPower[index]!,
  isSuspended: columns.isSuspended[index]!,
  allocatedMemoryMb: columns.allocatedMemoryMb[index]!,
  allocatedCpuCores: columns.allocatedCpuCores[index]!,
  allocatedDiskMb: columns.allocatedDiskMb[index]!,
  primaryIp: columns.primaryIp[index]!,
  primaryPort: columns.primaryPort[index]!,
  connectAddress: columns.connectAddress[index]!,
  networkMode: columns.networkMode[index]!,
  createdAt: columns.createdAt[index]!,
  updatedAt: columns.updatedAt[index]!,
});

const toServers = (columns: Row["columns"]): Server[] =>
  columns.id === null ? [] : columns.id.map((_, index) => serverAt(columns as Columns, index));

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
  const { cursor, nodeId, status, q, limit } = filter;
  const shape = { cursor: cursor !== undefined, nodeId: !!nodeId, q: !!q, status: status !== undefined };
  const [row] = await statementFor(credential.kind, shape).run(ctx.db, {
    ...callerValues(credential),
    after: decodeCursor(cursor, 1)?.[0],
    nodeId,
    status,
    q,
    containing: q && containing(q),
    limit: limit + 1,
  });
  const caller = admitCaller(row, credential, ctx.clock.now(), ctx.clientAddress);
  if (narrow(["server.read"], caller.credential.scopes).length === 0) throw refuse("server.read");
  return { caller, ...pageOf(toServers(row!.columns), limit, (server) => [server.id]) };
}
