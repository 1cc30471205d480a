import { type SQL, sql } from "drizzle-orm";

/** Whether a run of the server (aliased `o`, its row of `server_observed`, or nothing) may be using its network now. */
export const isLive = (o: string): SQL => sql.raw(`coalesce(${o}.state in ('running', 'starting', 'stopping'), false)`);

/**
 * Whether the present run was started before this version of the spec. A published port, a pool address and a mode are
 * given to a container when it is made, so such a run has to end before the change holds.
 */
export const isOlderRun = (o: string, version: string): SQL =>
  sql`(${isLive(o)} and coalesce(${sql.raw(o)}.run_spec_version < ${sql.raw(version)}, false))`;
