/**
 * One request's statements, sent to Postgres as a single pipeline of extended-protocol messages.
 *
 * Values travel as Postgres text in both directions, as Neon's protocol has them. A statement that the connection
 * already knows is only bound and executed. A transaction that writes costs two trips: `BEGIN` with all statements, then
 * `COMMIT` once every result was read, so that a result too large to answer rolls it back. One that only reads has
 * nothing to roll back and goes out whole.
 */
import type { Connection, FieldDef, Submittable } from "pg";
import type { PreparedStatements } from "./prepared-statements.ts";

export interface Statement {
  query: string;
  /** Postgres text of each parameter; null is SQL NULL. */
  params: (string | null)[];
}

export interface StatementResult {
  command: string;
  rowCount: number | null;
  rows: (string | null)[][];
  fields: FieldDef[];
}

/** The rows of one request are more than an answer may hold. */
export class ResultTooLarge extends Error {
  override name = "ResultTooLarge";
}

const READS_ONLY = /^\s*select\b/i;

/** The messages of `pg`'s connection as it really takes them; its published types are older. */
interface WireMessages {
  parse(message: { name: string; text: string; types: number[] }): void;
  bind(message: { statement: string; values: (string | null)[] }): void;
  describe(message: { type: "P" }): void;
  execute(message: null): void;
  close(message: { type: "S"; name: string }): void;
  sync(): void;
  flush(): void;
  sendCopyFail(message: string): void;
}

interface RowMessage {
  fields: (string | null)[];
  length: number;
}

export interface PipelineOptions {
  statements: Statement[];
  /** Text such as `BEGIN ISOLATION LEVEL SERIALIZABLE`; null runs the one statement by itself. */
  begin: string | null;
  prepared: PreparedStatements;
  resultMaxBytes: number;
}

/** A unit of work for `client.query()`; `done` settles when Postgres has answered all of it. */
export class Pipeline implements Submittable {
  readonly done: Promise<StatementResult[]>;
  readonly #options: PipelineOptions;
  readonly #results: StatementResult[] = [];
  #resolve!: (results: StatementResult[]) => void;
  #reject!: (error: Error) => void;
  #current: StatementResult = emptyResult();
  #resultBytes = 0;
  /** Completions still expected before the statements' own: 1 while `BEGIN` is under way. */
  #beforeStatements: number;
  #tooLarge = false;
  /** Whether the first buffer holds everything up to the Sync. */
  readonly #endsInOneTrip: boolean;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#beforeStatements = options.begin === null ? 0 : 1;
    this.#endsInOneTrip = options.begin === null || options.statements.every(({ query }) => READS_ONLY.test(query));
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    const { statements, begin } = this.#options;
    const outgoing = new Outgoing(connection);
    if (begin !== null) this.#add(outgoing, { query: begin, params: [] });
    for (const statement of statements) this.#add(outgoing, statement);
    if (begin !== null && this.#endsInOneTrip) this.#add(outgoing, { query: "COMMIT", params: [] });
    if (this.#endsInOneTrip) outgoing.messages.sync();
    else outgoing.messages.flush();
    outgoing.send();
  }

  #add({ messages }: Outgoing, { query, params }: Statement): void {
    const { name, isNew, evicted } = this.#options.prepared.use(query);
    if (evicted !== null) messages.close({ type: "S", name: evicted });
    if (isNew) messages.parse({ name, text: query, types: [] });
    messages.bind({ statement: name, values: params });
    messages.describe({ type: "P" });
    messages.execute(null);
  }

  handleRowDescription(message: { fields: FieldDef[] }): void {
    this.#current.fields = message.fields;
  }

  handleDataRow(message: RowMessage): void {
    this.#resultBytes += message.length;
    if (this.#resultBytes > this.#options.resultMaxBytes) {
      this.#tooLarge = true;
      this.#current.rows = [];
    } else this.#current.rows.push(message.fields);
  }

  handleCommandComplete(message: { text: string }, connection: Connection): void {
    this.#complete(message.text, connection);
  }

  /** The statement was empty text: no command, no rows. */
  handleEmptyQuery(connection: Connection): void {
    this.#complete("", connection);
  }

  #complete(tag: string, connection: Connection): void {
    if (this.#beforeStatements > 0) {
      this.#beforeStatements -= 1;
      this.#current = emptyResult();
      return;
    }
    const { statements } = this.#options;
    // The completion after the last statement's is COMMIT's, or the ROLLBACK's that took its place.
    if (this.#results.length === statements.length) return;
    const words = tag.split(" ");
    const count = Number(words.at(-1));
    this.#current.command = words[0] ?? "";
    this.#current.rowCount = words.length > 1 && Number.isInteger(count) ? count : null;
    this.#results.push(this.#current);
    this.#current = emptyResult();
    if (!this.#endsInOneTrip && this.#results.length === statements.length) this.#finish(connection);
  }

  #finish(connection: Connection): void {
    const outgoing = new Outgoing(connection);
    this.#add(outgoing, { query: this.#tooLarge ? "ROLLBACK" : "COMMIT", params: [] });
    outgoing.messages.sync();
    outgoing.send();
  }

  handleReadyForQuery(): void {
    if (this.#tooLarge) this.#reject(new ResultTooLarge("response is too large"));
    else this.#resolve(this.#results);
  }

  handleError(error: Error, connection: Connection): void {
    // After an error Postgres skips everything up to a Sync, which a flushed transaction has not sent yet.
    if (!this.#endsInOneTrip && this.#results.length < this.#options.statements.length) connection.sync();
    this.#reject(error);
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: Connection): void {
    (connection as unknown as WireMessages).sendCopyFail("COPY FROM STDIN cannot be used over HTTP");
  }

  handleCopyData(): void {}
}

/** Gathers messages, to hand them to the kernel as one buffer: many small ones cost it several times as much. */
class Outgoing {
  readonly messages: WireMessages;
  readonly #connection: Connection;
  readonly #buffers: Buffer[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    // The connection itself in all but the place that its messages go to.
    const stream = { writable: true, write: (buffer: Buffer) => this.#buffers.push(buffer) };
    this.messages = Object.create(connection, { stream: { value: stream } }) as WireMessages;
  }

  send(): void {
    this.#connection.stream.write(Buffer.concat(this.#buffers));
  }
}

const emptyResult = (): StatementResult => ({ command: "", rowCount: null, rows: [], fields: [] });
