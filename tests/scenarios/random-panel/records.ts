/** What is written down of the run, against what was asked and answered. Pure. */
import { INTRUDED } from "./garbage.ts";
import type { Entry } from "./ledger.ts";
import { kindOf } from "./requests.ts";

export interface AuditRow {
  action: string;
  actor_id: string | null;
  server_id: string | null;
  request_id: string | null;
}

/** How many audit rows an action may and must have. */
function rowsOf(entry: Entry): [least: number, most: number] {
  if (entry.name === "line") return [0, 0];
  const { audit, auditedRefusals = [], mayChangeNothing } = kindOf(entry.name);
  if (audit === null) return [0, 0];
  // Without a key each lost attempt may have been carried out.
  const most = entry.hasKey ? 1 : entry.requestIds.length;
  if (entry.outcome === "accepted") return [mayChangeNothing ? 0 : 1, most];
  if (entry.outcome !== "refused") return [0, most];
  const isAuditedAllTheSame = (auditedRefusals as (string | null)[]).includes(entry.code);
  return [0, isAuditedAllTheSame ? most : entry.hasKey ? 0 : entry.lost];
}

/** Every action has its row, once, and nothing else was done in the name of the actors. */
export function auditFaults(entries: readonly Entry[], rows: readonly AuditRow[]): string[] {
  const byRequest = new Map<string, AuditRow[]>();
  for (const row of rows) byRequest.set(row.request_id ?? "", [...(byRequest.get(row.request_id ?? "") ?? []), row]);
  const faults: string[] = [];
  let matched = 0;
  for (const entry of entries) {
    const own = entry.requestIds.flatMap((id) => byRequest.get(id) ?? []);
    matched += own.length;
    const [least, most] = rowsOf(entry);
    const words = `#${entry.number} ${entry.actor}: ${entry.what} (${entry.answers}), ${entry.outcome}`;
    if (own.length < least || own.length > most)
      faults.push(`${words}: ${own.length} audit rows instead of ${least === most ? least : `${least} to ${most}`}`);
    if (entry.name === "line") continue;
    const { audit } = kindOf(entry.name);
    const isOfNode = entry.name === "mode" || entry.name === "create";
    for (const row of own)
      if (row.action !== audit || row.actor_id !== entry.actorId || !(isOfNode || row.server_id === entry.serverId))
        faults.push(`${words}: its audit row says ${JSON.stringify(row)}`);
  }
  if (matched !== rows.length) {
    const known = new Set(entries.flatMap(({ requestIds }) => requestIds));
    faults.push(
      ...rows.filter((row) => !known.has(row.request_id ?? "")).map((row) => `nobody asked for ${JSON.stringify(row)}`),
    );
  }
  return faults;
}

export interface ObservedRow {
  server_id: string;
  seq: number;
  state: string;
}

/** Postgres took the events of each server in the order of their numbers, and each once. */
export function eventFaults(observed: readonly ObservedRow[]): string[] {
  const last = new Map<string, ObservedRow>();
  return observed.flatMap((row) => {
    const before = last.get(row.server_id);
    last.set(row.server_id, row);
    if (!before || before.seq < row.seq) return [];
    return [`${row.server_id}: event ${row.seq} (${row.state}) was written after ${before.seq} (${before.state})`];
  });
}

export interface CrashRow {
  server_id: string;
  crash_count: number;
}

/** Each crash counts one more than the one before or begins anew, and has its one line in the activity. */
export function crashFaults(crashes: readonly CrashRow[], lines: readonly CrashRow[]): string[] {
  const faults: string[] = [];
  for (const serverId of new Set([...crashes, ...lines].map(({ server_id }) => server_id))) {
    const counts = (rows: readonly CrashRow[]) =>
      rows.filter(({ server_id }) => server_id === serverId).map(({ crash_count }) => crash_count);
    const kept = counts(crashes);
    kept.forEach((count, at) => {
      if (count !== 1 && count !== (kept[at - 1] ?? 0) + 1) faults.push(`${serverId}: crashes are counted ${kept}`);
    });
    const told = counts(lines);
    if (kept.join() !== told.join()) faults.push(`${serverId}: crashes ${kept}, in the activity ${told}`);
  }
  return faults;
}

export interface Texts {
  serverId: string;
  name: string;
  description: string;
  console: string;
}

const times = (text: string, part: string) => text.split(part).length - 1;

/** Lines came to the game they were typed for, and once; changes that were accepted hold; nothing is an intruder's. */
export function textFaults(entries: readonly Entry[], servers: readonly Texts[]): string[] {
  const faults: string[] = [];
  for (const { serverId, name, description, console } of servers) {
    if (`${name}${description}${console}`.includes(INTRUDED)) faults.push(`${serverId} was changed by an intruder`);
    for (const word of new Set(console.match(/(?<=^echo: )\S+-line-\d+$/gm))) {
      const typed = entries.filter((entry) => entry.what.endsWith(` ${word}`));
      if (!typed.some((entry) => entry.serverId === serverId))
        faults.push(`${serverId} was told ${word}, which is another's`);
      if (times(console, `echo: ${word}\n`) > 1) faults.push(`${serverId} was told ${word} more than once`);
    }
    const changes = entries.filter((entry) => entry.name === "edit" && entry.serverId === serverId);
    const written = changes.find(({ number }) => description === `change ${number}`);
    if (written?.outcome === "refused" && written.lost === 0)
      faults.push(`${serverId}: change ${written.number} was refused, and it says so all the same`);
    const lost = changes.find((later) => later.outcome === "accepted" && later.beganAt > (written?.endedAt ?? 0));
    if (lost) faults.push(`${serverId}: change ${lost.number} was accepted, and it says "${description}"`);
  }
  return faults;
}
