import { sql } from "drizzle-orm";
import type { AvailableAllocations, ServerAllocation } from "../../../protocol/api/server-network.ts";
import type { ServerContext } from "../../context.ts";
import { notFound, Refusal } from "../../errors.ts";
import { requireOnServer } from "../servers/access.ts";
import { isFree } from "../servers/port-choice.ts";
import { isLive, isOlderRun } from "./running.ts";

/** Free allocations shown to choose from; beyond, one types a port. */
const FREE_SHOWN_MAX = 200;

type Row = ServerAllocation & { isInUse: boolean } & Record<string, unknown>;

/** The ports of the context's server, the primary one first. `isInUse`: a run has it now, or may have it. */
async function rowsOf(ctx: ServerContext): Promise<Row[]> {
  const { rows } = await ctx.db.execute<Row>(sql`
    select a.id, a.ip, a.port, a.alias, a.notes, a.is_primary as "isPrimary",
      ${isOlderRun("o", "a.server_version")} as "appliesAtNextStart",
      ${isLive("o")} and not ${isOlderRun("o", "a.server_version")} as "isInUse"
    from allocations a left join server_observed o on o.server_id = a.server_id
    where a.server_id = ${ctx.server.id}
    order by a.is_primary desc, a.port, a.ip`);
  return rows;
}

/** The server's ports as they are listed, for a service that has checked already what its caller may do. */
export async function shownAllocations(ctx: ServerContext): Promise<ServerAllocation[]> {
  return (await rowsOf(ctx)).map(({ isInUse: _, ...shown }) => shown);
}

export async function listServerAllocations(ctx: ServerContext): Promise<ServerAllocation[]> {
  requireOnServer(ctx, "allocation.read");
  return await shownAllocations(ctx);
}

/** One of the server's ports by its number or its id. @throws Refusal NOT_FOUND, CONFLICT when `ip` has to say which */
export async function findServerAllocation(ctx: ServerContext, portOrId: string | number, ip?: string): Promise<Row> {
  const rows = await rowsOf(ctx);
  const isPort = /^\d{1,5}$/.test(String(portOrId));
  const found = rows.filter((row) =>
    isPort ? row.port === Number(portOrId) && (ip === undefined || row.ip === ip) : row.id === portOrId,
  );
  if (found.length > 1) {
    throw new Refusal("CONFLICT", `The server has port ${portOrId} at ${found.length} addresses; say which by \`ip\`.`);
  }
  const [row] = found;
  if (!row) throw notFound("port of this server");
  return row;
}

/** What may be added to a server: the node's free ports and the addresses that new ones can be opened on. */
export async function availableAllocations(ctx: ServerContext): Promise<AvailableAllocations> {
  requireOnServer(ctx, "allocation.create");
  const { id, nodeId } = ctx.server;
  const [addresses, free, counts] = await ctx.db.batch([
    ctx.db.execute<{ ip: string; alias: string | null }>(sql`
      select ip, max(alias) as alias from (
        select bind_address as ip, null as alias from nodes where id = ${nodeId}
        union all select ip, alias from allocations where node_id = ${nodeId}
      ) known group by ip order by ip`),
    ctx.db.execute<AvailableAllocations["free"][number]>(sql`
      select a.id, a.ip, a.port, a.alias from allocations a
      where a.node_id = ${nodeId} and ${isFree("a")}
      order by a.port, a.ip limit ${FREE_SHOWN_MAX}`),
    ctx.db.execute<{ used: number; limit: number }>(sql`
      select (select count(*) from allocations where server_id = s.id)::int as used, s.allocation_limit as limit
      from servers s where s.id = ${id}`),
  ]);
  const [count] = counts.rows;
  if (!count) throw notFound("server");
  return { addresses: addresses.rows, free: free.rows, ...count };
}
