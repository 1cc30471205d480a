import { is, Placeholder, type SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { Database } from "./connect.ts";

const dialect = new PgDialect();

/**
 * A statement whose text is made once an isolate, for what nearly every request asks: building the text anew costs
 * several times what sending it does. Its values stand in it as `sql.placeholder(name)`.
 *
 * Rows come as the driver reads them, with points in time as Postgres writes them. A failure is the driver's own error.
 */
export class Statement<Row extends Record<string, unknown>> {
  readonly #text: string;
  readonly #params: unknown[];

  constructor(query: SQL) {
    const { sql, params } = dialect.sqlToQuery(query);
    this.#text = sql;
    this.#params = params;
  }

  /** @throws when a placeholder has no value: `null` is one, `undefined` is none */
  async run(db: Database, values: Readonly<Record<string, unknown>>): Promise<Row[]> {
    const params = this.#params.map((param) => (is(param, Placeholder) ? valueFor(param.name, values) : param));
    return (await db.$client.query(this.#text, params)) as Row[];
  }
}

function valueFor(name: string, values: Readonly<Record<string, unknown>>): unknown {
  const value = values[name];
  if (value === undefined) throw new Error(`a statement was run without a value for ${name}`);
  return value;
}
