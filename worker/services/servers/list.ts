import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { z } from "zod";
import { allocations, serverObserved, servers } from "../../../drizzle/schema/index.ts";
import type { Server, serverListQuerySchema } from "../../../protocol/api/servers.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../../../protocol/limits.ts";
import { admitCaller, CALLER_QUERIES, type CallerRow, callerValues } from "../../auth/caller.ts";
import type { Credential } from "../../auth/credential.ts";
import { narrow, refuse, SEES_EVERY_SERVER } from "../../auth/permissions.ts";
import type { RequestContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { Statement } from "../../db/statement.ts";
import { nodeColumns, serverColumns, statusColumn } from "./columns.ts";
import { type NodeFacts, type ServerRecord, toServer } from "./to-server.ts";

type Filter = z.output<typeof serverListQuerySchema>;

/**
 * Sizes that pages are fetched in. The size stands in the text: as a parameter it would have Postgres plan the statement
 * anew each time, which costs twice what running it does.
 */
const PAGE_SIZES = [10, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX];

/** Which of the filters a statement has; their values are its parameters. */
interface Shape extends Record<"cursor" | "nodeId" | "q" | "status", boolean> {
  pageSize: number;
}

function filters(shape: Shape): SQL {
  const parts: SQL[] = [];
  if (shape.nodeId) parts.push(sql`${servers.nodeId} = ${sql.placeholder("nodeId")}`);
  if (shape.q)
    parts.push(
      sql`(${servers.name} ilike ${sql.placeholder("containing")} or ${servers.id} = ${sql.placeholder("q")})`,
    );
  if (shape.status) parts.push(sql`${statusColumn} = ${sql.placeholder("status")}`);
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `);
}

const STAFF_PERMISSIONS = sql.raw(`'{${SEES_EVERY_SERVER.join(",")}}'::text[]`);

const RECORD = Object.entries(serverColumns);
const SELECTED = sql.join(
  RECORD.map(([name, column]) => sql`${column} as ${sql.identifier(name)}`),
  sql`, `,
);

/**
 * The servers on the page. Staff walk the primary key, and beside it the indexes of what is joined, which Postgres does
 * not know by itself to begin behind the cursor. Everybody else starts from their own servers and grants, and each is
 * looked up; `offset 0` keeps it so, because Postgres guesses that walking all servers were cheaper. The two branches
 * exclude each other, so either way the work is that of a page and not of the installation.
 */
function visiblePage(shape: Shape): SQL {
  const behindCursor = (id: SQLWrapper) => (shape.cursor ? sql`${id} > ${sql.placeholder("after")}` : sql`true`);
  // One more than are shown tells whether there is a next page.
  const limit = sql.raw(String(shape.pageSize + 1));
  const seesAll = sql`(select caller_role_permissions && ${STAFF_PERMISSIONS} from caller)`;
  return sql`
    (select ${SELECTED} from servers
      left join server_observed on server_observed.server_id = servers.id and ${behindCursor(serverObserved.serverId)}
      left join allocations on allocations.server_id = servers.id and allocations.is_primary
        and ${behindCursor(allocations.serverId)}
      where ${seesAll} and ${behindCursor(servers.id)} and ${filters(shape)} order by servers.id limit ${limit})
    union all
    (select ${SELECTED} from (
        select m.id from servers m where m.owner_id = (select caller_user_id from caller)
        union select g.server_id from grants g
          where g.user_id = (select caller_user_id from caller) and 'server.read' = any(g.permissions)
      ) mine
      cross join lateral (select * from servers s where s.id = mine.id offset 0) servers
      left join lateral (select * from server_observed o where o.server_id = mine.id offset 0) server_observed on true
      left join lateral (select * from allocations a where a.server_id = mine.id and a.is_primary offset 0) allocations
        on true
      where not ${seesAll} and ${behindCursor(sql`mine.id`)} and ${filters(shape)} order by mine.id limit ${limit})
    order by id`;
}

const GATHERED = sql.raw(RECORD.map(([name]) => `'${name}', json_agg("${name}")`).join(", "));
const NODE = Object.entries(nodeColumns);
const NODE_FACTS = sql.join(
  NODE.map(([name, column]) => sql`${sql.raw(`'${name}'`)}, ${column}`),
  sql`, `,
);

/** Column by column as Postgres gathers them, each null when there is no row. */
type Columns = { [Name in keyof ServerRecord]: ServerRecord[Name][] };
type Row = CallerRow & {
  columns: Columns | Record<keyof ServerRecord, null>;
  /** Who and what the page's servers belong to, by id; null when there is no server. */
  owners: Record<string, string> | null;
  templates: Record<string, string> | null;
  nodes: Record<string, NodeFacts> | null;
};

const statements = new Map<string, Statement<Row>>();

function statementFor(kind: Credential["kind"], shape: Shape): Statement<Row> {
  const key = `${kind} ${Object.entries(shape).filter(([, value]) => value)}`;
  const known = statements.get(key);
  if (known) return known;
  const statement = new Statement<Row>(sql`
    with caller as materialized (${CALLER_QUERIES[kind]}),
    page as materialized (${visiblePage(shape)})
    select caller.*,
      (select json_build_object(${GATHERED}) from page) as columns,
      (select json_object_agg(id, username) from users where id = any(array(select "ownerId" from page))) as owners,
      (select json_object_agg(id, name) from templates where id = any(array(select "templateId" from page))) as templates,
      (select json_object_agg(id, json_build_object(${NODE_FACTS})) from nodes
        where id = any(array(select "nodeId" from page))) as nodes
    from caller`);
  statements.set(key, statement);
  return statement;
}

/** Written out, because objects of one literal are made several times faster than by assigning names one by one. */
const recordAt = (columns: Columns, index: number): ServerRecord => ({
  id: columns.id[index]!,
  name: columns.name[index]!,
  description: columns.description[index]!,
  ownerId: columns.ownerId[index]!,
  nodeId: columns.nodeId[index]!,
  templateId: columns.templateId[index]!,
  status: columns.status[index]!,
  statusReason: columns.statusReason[index]!,
  exitCode: columns.exitCode[index]!,
  startedAtMs: columns.startedAtMs[index]!,
  desiredPower: columns.desiredPower[index]!,
  isSuspended: columns.isSuspended[index]!,
  allocatedMemoryMb: columns.allocatedMemoryMb[index]!,
  allocatedCpuCores: columns.allocatedCpuCores[index]!,
  allocatedDiskMb: columns.allocatedDiskMb[index]!,
  primaryIp: columns.primaryIp[index]!,
  primaryPort: columns.primaryPort[index]!,
  primaryAlias: columns.primaryAlias[index]!,
  macvlanAddress: columns.macvlanAddress[index]!,
  networkMode: columns.networkMode[index]!,
  createdAtMs: columns.createdAtMs[index]!,
  updatedAtMs: columns.updatedAtMs[index]!,
});

function toServers({ columns, owners, templates, nodes }: Row): Server[] {
  if (columns.id === null) return [];
  return columns.id.map((_, index) => {
    const record = recordAt(columns as Columns, index);
    const ownerName = owners![record.ownerId]!;
    return toServer(record, { ownerName, templateName: templates![record.templateId]!, node: nodes![record.nodeId]! });
  });
}

/**
 * A page of the servers that the caller may see, in one statement together with the caller's own row: whose session
 * it is and what they may see is decided in SQL, so the list costs one round trip.
 *
 * The page comes as one JSON value, gathered by column: that is half the bytes and half of Postgres's work of an
 * object a server, and is parsed many times faster than as many cells. Users, templates and nodes come once each.
 *
 * @throws Refusal as `admitCaller`; PERMISSION_DENIED for a key without the scope
 */
export async function listServers(ctx: RequestContext, credential: Credential, filter: Filter) {
  const { cursor, nodeId, status, q, limit } = filter;
  const pageSize = PAGE_SIZES.find((size) => size >= limit)!;
  const shape = { pageSize, cursor: cursor !== undefined, nodeId: !!nodeId, q: !!q, status: status !== undefined };
  const [row] = await statementFor(credential.kind, shape).run(ctx.db, {
    ...callerValues(credential),
    after: decodeCursor(cursor, 1)?.[0],
    nodeId,
    status,
    q,
    containing: q && containing(q),
  });
  const caller = admitCaller(row, credential, ctx.clock.now(), ctx.clientAddress);
  if (narrow(["server.read"], caller.credential.scopes).length === 0) throw refuse("server.read");
  return { caller, ...pageOf(toServers(row!), limit, (server) => [server.id]) };
}
