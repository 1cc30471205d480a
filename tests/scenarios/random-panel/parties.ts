/** What API, Postgres, agent and machine each say of every server, and where they disagree. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import type { Server } from "../../../protocol/api/servers.ts";
import { type AgentStats, call, type Panel } from "../../world/panel.ts";
import { processesByServer, type ServerProcesses } from "./server-processes.ts";
import type { Person } from "./wish.ts";

const RESTING = ["stopped", "crashed", "error", "suspended", "running"];

/** A server's rows in Postgres. */
interface Row {
  id: string;
  owner_id: string;
  state: string | null;
  desired_power: string;
  is_suspended: boolean;
  restart_at: Date | null;
  install_generation: number;
  installed_generation: number | null;
  primary_ports: number;
  granted_to: string[];
}

export interface Parties {
  rows: Row[];
  specGeneration: number;
  /** As each person's list has them, by the person's name. */
  lists: Map<string, { person: Person; servers: Server[] }>;
  agent: AgentStats;
  processes: Map<string, ServerProcesses>;
  folders: string[];
  trash: string[];
}

export async function hear(panel: Panel, database: Client, people: readonly Person[]): Promise<Parties> {
  const data = join(panel.ready.dataDir, "nodes", panel.nodeId, "data");
  const entries = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const { rows } = await database.query<Row>(SERVERS);
  const { rows: node } = await database.query<{ generation: number }>(NODE, [panel.nodeId]);
  const lists: Parties["lists"] = new Map();
  for (const person of people) {
    const { body } = await call<Server[]>(panel.url, "GET", "/api/servers?limit=200", undefined, person.token);
    if (!body.success) throw new Error(`${person.name}'s list: ${JSON.stringify(body)}`);
    lists.set(person.name, { person, servers: body.data });
  }
  return {
    rows,
    specGeneration: node[0]!.generation,
    lists,
    agent: await panel.agentStats(),
    processes: processesByServer(join(data, "servers")),
    folders: entries(join(data, "servers")),
    trash: entries(join(data, "trash")),
  };
}

const SERVERS = `select s.id, s.owner_id, o.state, s.desired_power, s.is_suspended, o.restart_at, s.install_generation,
    o.installed_generation,
    (select count(*)::int from allocations a where a.server_id = s.id and a.is_primary) as primary_ports,
    array(select user_id from grants g where g.server_id = s.id) as granted_to
  from servers s left join server_observed o on o.server_id = s.id order by s.id`;
const NODE = "select spec_generation::int as generation from nodes where id = $1";

const inWords = (ids: Iterable<string>) => [...ids].sort().join(" ");

/** Each a sentence; none when all say the same and no server is on its way to anywhere. */
export function disagreements(parties: Parties): string[] {
  const { rows, agent, specGeneration, folders, trash, processes } = parties;
  const wrong: string[] = [];
  const same = (what: string, one: unknown, other: unknown) => {
    if (one !== other) wrong.push(`${what}: ${one} and ${other}`);
  };
  const ids = inWords(rows.map(({ id }) => id));
  same("servers of Postgres and agent", ids, inWords(agent.servers.map(({ serverId }) => serverId)));
  same("servers and their folders", ids, inWords(folders));
  same("spec generation of Postgres and agent", specGeneration, agent.appliedGeneration);
  same("events that Postgres's hub has not confirmed", 0, agent.unacknowledgedEvents);
  if (trash.length > 0) wrong.push(`left in the trash: ${trash}`);
  const strays = [...processes.keys()].filter((id) => !rows.some((row) => row.id === id));
  if (strays.length > 0) wrong.push(`processes of servers that are no more: ${strays}`);
  for (const { person, servers } of parties.lists.values()) {
    const visible = rows.filter((row) => person.isAdmin || [row.owner_id, ...row.granted_to].includes(person.id));
    same(
      `what ${person.name} may and does see`,
      inWords(visible.map(({ id }) => id)),
      inWords(servers.map(({ id }) => id)),
    );
  }
  for (const row of rows) wrong.push(...disagreementsOf(row, parties));
  return wrong;
}

function disagreementsOf(row: Row, { agent, lists, processes }: Parties): string[] {
  const { id, state, is_suspended: isSuspended } = row;
  const ofAgent = agent.servers.find(({ serverId }) => serverId === id)?.state;
  const games = processes.get(id)?.games.length ?? 0;
  const all = processes.get(id)?.all.length ?? 0;
  const isRunning = state === "running";
  const checks: [boolean, string][] = [
    [state === ofAgent, `Postgres says ${state}, its agent ${ofAgent}`],
    [RESTING.includes(state ?? "") && row.restart_at === null, `it is on its way: ${state}, ${row.restart_at}`],
    [(state === "suspended") === isSuspended, `it is ${state}, and suspended: ${isSuspended}`],
    [isRunning ? games === 1 : all === 0, `it is ${state} with ${games} games among ${all} processes`],
    [!isRunning || row.desired_power === "running", `it runs and shall be ${row.desired_power}`],
    [state !== "stopped" || row.desired_power === "stopped", `it is stopped and shall be ${row.desired_power}`],
    [state === "error" || row.install_generation === row.installed_generation, "its last install was not made"],
    [row.primary_ports === 1, `it has ${row.primary_ports} primary ports`],
  ];
  for (const { person, servers } of lists.values()) {
    const seen = servers.find((server) => server.id === id);
    if (!seen) continue;
    const status = isSuspended ? "suspended" : state;
    checks.push([seen.status === status, `Postgres says ${status}, the API tells ${person.name} ${seen.status}`]);
    checks.push([
      seen.desiredPower === row.desired_power,
      `it shall be ${row.desired_power}, the API tells ${person.name} ${seen.desiredPower}`,
    ]);
  }
  return checks.filter(([holds]) => !holds).map(([, words]) => `${id}: ${words}`);
}

/** One line a server, for a report. */
export function table({ rows, agent, lists, processes }: Parties): string[] {
  const ids = new Set([
    ...rows.map(({ id }) => id),
    ...agent.servers.map(({ serverId }) => serverId),
    ...processes.keys(),
  ]);
  return [...ids].sort().map((id) => {
    const row = rows.find((one) => one.id === id);
    const postgres = row
      ? `${row.state}, shall be ${row.desired_power}${row.is_suspended ? ", suspended" : ""}${row.restart_at ? ", restarts" : ""}`
      : "no row";
    const api = [...lists.values()].map(
      ({ person, servers }) => `${person.name} ${servers.find((server) => server.id === id)?.status ?? "-"}`,
    );
    const ofAgent = agent.servers.find(({ serverId }) => serverId === id)?.state ?? "unknown";
    const { games, all } = processes.get(id) ?? { games: [], all: [] };
    return `${id}: Postgres ${postgres}; API ${api.join(", ")}; agent ${ofAgent}; games [${games}] of processes [${all}]`;
  });
}
