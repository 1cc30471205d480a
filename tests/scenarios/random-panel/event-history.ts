/** A record, kept by the database itself, of every write of an observed state in the order in which they were made. */
import type { Client } from "pg";
import type { ObservedRow } from "./records.ts";

export async function recordEvents(database: Client): Promise<void> {
  await database.query(`
    create table observed_history (place bigint generated always as identity, server_id text, seq bigint, state text);
    create function note_observed() returns trigger language plpgsql as $$ begin
      insert into observed_history (server_id, seq, state) values (new.server_id, new.seq, new.state);
      return null;
    end $$;
    create trigger note_observed after insert or update on server_observed for each row execute function note_observed();
  `);
}

export async function recordedEvents(database: Client): Promise<ObservedRow[]> {
  const { rows } = await database.query<{ server_id: string; seq: string; state: string }>(
    "select server_id, seq, state from observed_history order by place",
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}
