/** The outbox's end in Postgres, over Neon's HTTP protocol: one batch, so all of it is written or nothing. */
import { neon, neonConfig } from "@neondatabase/serverless";
import { and, eq, lte, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import { nodes } from "../../drizzle/schema/nodes.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import { CRASHES_KEPT_MAX } from "../../protocol/limits.ts";
import type { Env } from "../../worker/env.ts";
import type { NodePresence } from "./effects.ts";
import type { CrashEntry, OutboxBatch, OutboxDatabase, WriteFault } from "./outbox.ts";

/** A batch that was not answered by then counts as failed and is written again. */
const WRITE_DEADLINE_MS = 10_000;
/** How far ahead of this clock a power request may claim to be issued: a node must not lock out later requests. */
const CLOCK_SKEW_MAX_MS = 5 * 60_000;
const INT4_MAX = 2 ** 31 - 1;

export function outboxDatabase(env: Pick<Env, "DATABASE_URL" | "NEON_LOCAL_PROXY">): OutboxDatabase {
  return {
    async write(batch) {
      if (env.NEON_LOCAL_PROXY) neonConfig.fetchEndpoint = `${env.NEON_LOCAL_PROXY}/sql`;
      const signal = AbortSignal.timeout(WRITE_DEADLINE_MS);
      const database = drizzle(neon(env.DATABASE_URL, { fetchOptions: { signal } }));
      const statements = [
        ...(batch.states.length > 0 ? stateStatements(batch, Date.now()).map((one) => database.execute(one)) : []),
        ...(batch.crashes.length > 0 ? crashStatements(batch, Date.now()).map((one) => database.execute(one)) : []),
        ...(batch.omitted.length > 0 ? [database.execute(omittedStatement(batch))] : []),
        ...(batch.presence ? [presenceStatement(database, batch.presence)] : []),
      ];
      const [first, ...rest] = statements;
      if (first) await database.batch([first, ...rest]);
    },
  };
}

/** Class 22 is a value that Postgres cannot hold, 23 a broken constraint: the same values fail again. */
export function writeFault(error: unknown): WriteFault {
  for (const candidate of [error, (error as { cause?: unknown } | null)?.cause]) {
    const code = (candidate as { code?: unknown } | null | undefined)?.code;
    if (typeof code === "string" && /^2[23][0-9A-Z]{3}$/.test(code)) return "data";
  }
  return "unavailable";
}

/**
 * A server that was deleted meanwhile, or belongs to another node, is passed over: the join finds no row for it. A
 * node thus reports on its own servers alone, whatever it writes.
 */
function stateStatements({ nodeId, states }: OutboxBatch, now: number): SQL[] {
  const rows = stateRows(states, now);
  const cleanEnds = states.filter(({ state, exitCode }) => state === "stopped" && exitCode === 0);
  return [
    sql`insert into server_observed as o (server_id, state, reason, exit_code, signal, oom_killed, crash_count,
        started_at, restart_at, installed_generation, seq, observed_at, pending_restart, run_spec_version)
      select s.id, e.state, e.reason, e.exit_code, e.signal, e.oom_killed, e.crash_count,
        to_timestamp(e.started_at), to_timestamp(e.restart_at), e.installed_generation, e.seq, to_timestamp(e.observed_at),
        e.pending_restart, e.run_spec_version
      from ${rows} join servers s on s.id = e.server_id and s.node_id = ${nodeId}
      for key share of s
      on conflict (server_id) do update set state = excluded.state, reason = excluded.reason,
        exit_code = excluded.exit_code, signal = excluded.signal, oom_killed = excluded.oom_killed,
        crash_count = excluded.crash_count, started_at = excluded.started_at, restart_at = excluded.restart_at,
        installed_generation = excluded.installed_generation, seq = excluded.seq, observed_at = excluded.observed_at,
        pending_restart = excluded.pending_restart, run_spec_version = excluded.run_spec_version
      where o.seq < excluded.seq`,
    ...(cleanEnds.length > 0 ? [cleanEndStatement(nodeId, stateRows(cleanEnds, now))] : []),
    sql`update servers s set desired_power = e.desired_power, desired_power_at = e.desired_power_at
      from ${rows}
      where s.id = e.server_id and s.node_id = ${nodeId} and s.desired_power_at < e.desired_power_at`,
  ];
}

/**
 * A line in the activity for games that ended with code 0 and stay down, where nobody asked for it. The agent says so by
 * superseding the wish that the game obeyed by exactly one; any request is at a time of its own. One a minute and server
 * at most: a node out of its owner's hands can say it as often as it likes.
 */
const cleanEndStatement = (nodeId: string, rows: SQL): SQL => sql`
  insert into audit_log (id, at, action, target_type, target_id, server_id, details)
  select 'ended-' || s.id || '-' || floor(extract(epoch from now()) / 60)::bigint, to_timestamp(e.observed_at),
    'server.ended', 'server', s.id, s.id, jsonb_build_object('exitCode', e.exit_code)
  from ${rows} join servers s on s.id = e.server_id and s.node_id = ${nodeId}
  where e.desired_power = 'stopped' and s.desired_power = 'running' and s.desired_power_at + 1 = e.desired_power_at
  for key share of s
  on conflict (id) do nothing`;

/** Events as rows `e` of a statement. */
const stateRows = (states: readonly ServerStateEvent[], now: number): SQL => sql`
  jsonb_to_recordset(${JSON.stringify(states.map((event) => stateRow(event, now)))}::jsonb) as e(
    server_id text, state text, reason text, exit_code int, signal text, oom_killed boolean, crash_count int,
    started_at double precision, restart_at double precision, installed_generation int, seq bigint, observed_at double precision,
    desired_power text, desired_power_at bigint, pending_restart jsonb, run_spec_version bigint)`;

/** Values as the columns can hold them. */
function stateRow(event: ServerStateEvent, now: number): Record<string, unknown> {
  return {
    server_id: event.serverId,
    state: event.state,
    reason: storable(event.reason),
    exit_code: event.exitCode === null ? null : int4(event.exitCode),
    signal: storable(event.signal),
    oom_killed: event.oomKilled,
    crash_count: int4(event.crashCount),
    started_at: seconds(event.startedAt),
    restart_at: seconds(event.restartAt ?? null),
    installed_generation: int4(event.installedGeneration),
    seq: event.seq,
    observed_at: event.timestamp / 1000,
    run_spec_version: event.runSpecVersion ?? null,
    desired_power: event.desiredPower,
    desired_power_at: Math.min(event.desiredPowerAt, now + CLOCK_SKEW_MAX_MS),
    pending_restart: (event.pendingRestart ?? []).map(({ field, reason }) => ({
      field: storable(field),
      ...(reason === undefined ? {} : { reason: storable(reason) }),
    })),
  };
}

/**
 * Each crash once, with its line in the server's activity, and then only the newest of each server. The rows get their
 * numbers in the order of the events.
 */
function crashStatements({ nodeId, crashes }: OutboxBatch, now: number): SQL[] {
  const serverIds = JSON.stringify([...new Set(crashes.map((crash) => crash.serverId))]);
  return [
    sql`with told as (
        select e.* from jsonb_to_recordset(${JSON.stringify(crashes.map((crash) => crashRow(crash, now)))}::jsonb) as e(
          server_id text, crash_id text, seq bigint, crashed_at double precision, exit_code int, signal text,
          oom_killed boolean, run_time_ms bigint, crash_count int, restart_at double precision, last_lines text)
        join servers s on s.id = e.server_id and s.node_id = ${nodeId}
        order by e.seq
        for key share of s
      ),
      kept as (
        insert into server_crashes (server_id, crash_id, crashed_at, exit_code, signal, oom_killed, run_time_ms,
          crash_count, restart_at, last_lines)
        select server_id, crash_id, to_timestamp(crashed_at), exit_code, signal, oom_killed, run_time_ms, crash_count,
          to_timestamp(restart_at), last_lines
        from told order by seq
        on conflict (server_id, crash_id) do nothing
        returning *
      )
      insert into audit_log (id, at, action, target_type, target_id, server_id, details)
      select gen_random_uuid()::text, crashed_at, 'server.crashed', 'server', server_id, server_id,
        jsonb_build_object('exitCode', exit_code, 'signal', signal, 'oomKilled', oom_killed, 'runTimeMs', run_time_ms,
          'crashCount', crash_count, 'isRestarted', restart_at is not null)
      from kept`,
    sql`delete from server_crashes c using jsonb_array_elements_text(${serverIds}::jsonb) as touched(server_id)
      where c.server_id = touched.server_id and c.id <= (
        select o.id from server_crashes o where o.server_id = touched.server_id
        order by o.id desc limit 1 offset ${CRASHES_KEPT_MAX}::int)`,
  ];
}

function crashRow(crash: CrashEntry, now: number): Record<string, string | number | boolean | null> {
  return {
    server_id: crash.serverId,
    crash_id: crash.id,
    seq: crash.seq,
    crashed_at: Math.min(crash.at, now + CLOCK_SKEW_MAX_MS) / 1000,
    exit_code: crash.exitCode === null ? null : int4(crash.exitCode),
    signal: storable(crash.signal),
    oom_killed: crash.oomKilled,
    run_time_ms: crash.runTimeMs,
    crash_count: int4(crash.crashCount),
    restart_at: seconds(crash.restartAt),
    last_lines: storable(crash.lastLines),
  };
}

/** A line in the activity for crashes that have none of their own. Its id keeps a repeated write from telling it twice. */
function omittedStatement({ nodeId, omitted }: OutboxBatch): SQL {
  const rows = omitted.map(({ serverId, count, since, until }) => ({
    server_id: serverId,
    count,
    since: since / 1000,
    until: until / 1000,
  }));
  return sql`insert into audit_log (id, at, action, target_type, target_id, server_id, details)
    select 'omitted-' || s.id || '-' || floor(e.since * 1000)::bigint, to_timestamp(e.until), 'server.crashes_omitted',
      'server', s.id, s.id, jsonb_build_object('count', e.count, 'since', to_timestamp(e.since))
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as e(
      server_id text, count bigint, since double precision, until double precision)
    join servers s on s.id = e.server_id and s.node_id = ${nodeId}
    for key share of s
    on conflict (id) do nothing`;
}

/** An older connection's news never overwrites a newer one's. */
function presenceStatement(database: ReturnType<typeof drizzle>, presence: NodePresence) {
  const { nodeId, isOnline, epoch, seenAt, agentVersion, runtime } = presence;
  return database
    .update(nodes)
    .set({
      isOnline,
      onlineEpoch: epoch,
      lastSeenAt: new Date(seenAt),
      agentVersion: storable(agentVersion),
      runtime: storable(runtime),
    })
    .where(and(eq(nodes.id, nodeId), lte(nodes.onlineEpoch, epoch)));
}

/** Postgres keeps neither NUL nor half a surrogate pair. */
function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function int4(value: number): number {
  return Math.max(-INT4_MAX, Math.min(INT4_MAX, value));
}
