import { type SQL, sql } from "drizzle-orm";
import type { z } from "zod";
import { servers } from "../../../drizzle/schema/index.ts";
import type { Server, serverListQuerySchema } from "../../../protocol/api/servers.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../../../protocol/limits.ts";
import { admitCaller, CALLER_QUERIES, type CallerRow, callerValues } from "../../auth/caller.ts";
import type { Credential } from "../../auth/credential.ts";
import { narrow, refuse, SEES_EVERY_SERVER } from "../../auth/permissions.ts";
import type { RequestContext } from "../../context.ts";
import { containing, decodeCursor, pageOf } from "../../db/page.ts";
import { Statement } from "../../db/statement.ts";
import { nodeColumns, serverColumns, statusOf } from "./columns.ts";
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

function condition(shape: Shape): SQL {
  const parts: SQL[] = [];
  if (shape.cursor) parts.push(sql`s.id > ${sql.placeholder("after")}`);
  if (shape.nodeId) parts.push(sql`s.node_id = ${sql.placeholder("nodeId")}`);
  if (shape.q) parts.push(sql`(s.name ilike ${sql.placeholder("containing")} or s.id = ${sql.placeholder("q")})`);
  if (shape.status) parts.push(sql`${statusOf("s", "o")} = ${sql.placeholder("status")}`);
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `);
}

const STAFF_PERMISSIONS = sql.raw(`'{${SEES_EVERY_SERVER.join(",")}}'::text[]`);

/** What `serverColumns` takes of a server's row; the rest of it, a template among others, is left where it is. */
const OF_SERVERS = sql.raw(
  [
    servers.id,
    servers.name,
    servers.description,
    servers.ownerId,
    servers.nodeId,
    servers.templateId,
    servers.hasInstallScript,
    servers.desiredPower,
    servers.isSuspended,
    servers.memoryMb,
    servers.cpuCores,
    servers.diskMb,
    servers.networkMode,
    servers.createdAt,
    servers.updatedAt,
  ]
    .map(({ name }) => `s.${name}`)
    .join(", "),
);

/**
 * The servers on the page. Staff walk the primary key; everybody else starts from their own servers and grants. The
 * two branches exclude each other, so either way the work is that of a page and not of the installation.
 */
function visiblePage(shape: Shape): SQL {
  const observed = shape.status ? sql`left join server_observed o on o.server_id = s.id` : sql``;
  const where = condition(shape);
  // One more than are shown tells whether there is a next page.
  const limit = sql.raw(String(shape.pageSize + 1));
  const seesAll = sql`(select caller_role_permissions && ${STAFF_PERMISSIONS} from caller)`;
  return sql`
    (select ${OF_SERVERS} from servers s ${observed} where ${seesAll} and ${where} order by s.id limit ${limit})
    union all
    (select ${OF_SERVERS} from servers s ${observed}
      where not ${seesAll} and ${where} and s.id in (
        select m.id from servers m where m.owner_id = (select caller_user_id from caller)
        union select g.server_id from grants g
          where g.user_id = (select caller_user_id from caller) and 'server.read' = any(g.permissions)
      ) order by s.id limit ${limit})`;
}

const RECORD = Object.entries(serverColumns);
const SELECTED = sql.join(
  RECORD.map(([name, column]) => sql`${column} as ${sql.identifier(name)}`),
  sql`, `,
);
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
    page as materialized (
      select ${SELECTED} from (${visiblePage(shape)}) servers
        left join server_observed on server_observed.server_id = servers.id
        left join allocations on allocations.server_id = servers.id and allocations.is_primary
      order by servers.id
    )
    select caller.*,
      (select json_build_object(${GATHERED}) from page) as columns,
      (select json_object_agg(id, username) from users where id in (select "ownerId" from page)) as owners,
      (select json_object_agg(id, name) from templates where id in (select "templateId" from page)) as templates,
      (select json_object_agg(id, json_build_object(${NODE_FACTS})) from nodes
        where id in (select "nodeId" from page)) as nodes
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
