import { describe, expect, it } from "vitest";
import { PreparedStatements } from "./prepared-statements.ts";
import { readDatabaseAddress, readSqlRequest, toPostgresText } from "./request.ts";

const raw = { "neon-raw-text-output": "true", "neon-array-mode": "true" };

describe("readDatabaseAddress", () => {
  it("decodes user, password and database", () => {
    const headers = { "neon-connection-string": "postgres://us%20er:p%2Fw@host/data%2Dbase?sslmode=require" };
    expect(readDatabaseAddress(headers)).toEqual({ user: "us er", password: "p/w", database: "data-base" });
  });

  it.each([undefined, "", "host", "https://a:b@c/d", "postgres://a:%@c/d"])("refuses %j", (text) => {
    expect(() => readDatabaseAddress(text === undefined ? {} : { "neon-connection-string": text })).toThrow(
      "Neon-Connection-String",
    );
  });
});

describe("readSqlRequest", () => {
  it("turns batch headers into a BEGIN", () => {
    const headers = {
      ...raw,
      "neon-batch-isolation-level": "Serializable",
      "neon-batch-read-only": "true",
      "neon-batch-deferrable": "true",
    };
    expect(readSqlRequest('{"queries":[{"query":"select 1","params":[]}]}', headers).begin).toBe(
      "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
    );
  });

  it("lets no header reach the SQL", () => {
    const headers = { ...raw, "neon-batch-isolation-level": "Serializable; drop table users" };
    expect(() => readSqlRequest('{"queries":[]}', headers)).toThrow("Isolation");
  });

  it("speaks only the raw form that the driver asks for", () => {
    expect(() => readSqlRequest('{"query":"select 1"}', {})).toThrow("raw text");
  });
});

describe("toPostgresText", () => {
  it.each([
    [null, null],
    ["text", "text"],
    [true, "true"],
    [1.5, "1.5"],
    [{ a: [1] }, '{"a":[1]}'],
    [["a", 'b"\\', null, 2, ["c"]], '{"a","b\\"\\\\",NULL,"2",{"c"}}'],
  ])("writes %j as %j", (value, text) => {
    expect(toPostgresText(value)).toBe(text);
  });
});

describe("PreparedStatements", () => {
  it("names a text once, and evicts the one used longest ago", () => {
    const prepared = new PreparedStatements(2);
    const a = prepared.use("a");
    const b = prepared.use("b");
    expect(prepared.use("a")).toEqual({ ...a, isNew: false });
    expect(prepared.use("c")).toMatchObject({ isNew: true, evicted: b.name });
    expect(prepared.size).toBe(2);
  });

  it("keeps after an error what was confirmed before it, and nothing else", () => {
    const prepared = new PreparedStatements();
    prepared.use("confirmed");
    prepared.use("skipped");
    prepared.confirm();
    prepared.forgetUnconfirmed();
    expect(prepared.use("confirmed").isNew).toBe(false);
    expect(prepared.use("skipped").isNew).toBe(true);
  });
});
