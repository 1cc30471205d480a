import { describe, expect, it } from "vitest";
import { databaseFault, isDuplicate, refusalOfDatabase } from "./faults.ts";

/** The two shapes in which the same fault arrives: a batch throws the driver's error, a single statement wraps it. */
const bare = (code: string, constraint?: string) =>
  Object.assign(new Error("duplicate key"), { name: "NeonDbError", code, constraint });
const wrapped = (code: string, constraint?: string) =>
  new Error("Failed query: select $1\nparams: secret", { cause: bare(code, constraint) });

describe.each([
  ["a batch", bare],
  ["a single statement", wrapped],
])("a fault of %s", (_what, make) => {
  it("is recognised by its SQLSTATE and constraint", () => {
    expect(databaseFault(make("23505", "users_email_key"))).toEqual({
      sqlState: "23505",
      constraint: "users_email_key",
    });
    expect(isDuplicate(make("23505", "users_email_key"), "users_email_key")).toBe(true);
    expect(isDuplicate(make("23505", "other"), "users_email_key")).toBe(false);
    expect(isDuplicate(make("23503"))).toBe(false);
  });

  it.each([
    ["23505", "CONFLICT"],
    ["23503", "CONFLICT"],
    ["23514", "VALIDATION"],
    ["22021", "VALIDATION"],
    ["40001", "CONFLICT"],
    ["57P01", "DATABASE_UNAVAILABLE"],
    ["53300", "DATABASE_UNAVAILABLE"],
    ["28P01", "DATABASE_UNAVAILABLE"],
  ])("%s becomes %s, and its text stays inside", (sqlState, code) => {
    const refusal = refusalOfDatabase(make(sqlState, "some_key"))!;
    expect(refusal.code).toBe(code);
    expect(refusal.message).not.toMatch(/secret|duplicate key|some_key/);
  });

  it("that is a mistake of ours is none of the caller's", () => {
    expect(refusalOfDatabase(make("42601"))).toBeNull();
  });
});

it("a database that cannot be reached is said to be away, whichever way it is told", () => {
  const unreachable = Object.assign(new Error("Error connecting to database: fetch failed"), { name: "NeonDbError" });
  expect(refusalOfDatabase(unreachable)?.code).toBe("DATABASE_UNAVAILABLE");
  expect(refusalOfDatabase(new Error("Failed query", { cause: unreachable }))?.code).toBe("DATABASE_UNAVAILABLE");
});

it("any other error is not taken for the database's", () => {
  expect(refusalOfDatabase(new TypeError("x is not a function"))).toBeNull();
  expect(refusalOfDatabase(Object.assign(new Error("no file"), { code: "ENOENT" }))).toBeNull();
  expect(refusalOfDatabase("text")).toBeNull();
});
