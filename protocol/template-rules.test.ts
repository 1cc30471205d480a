import { describe, expect, it } from "vitest";
import { ruleDefect, ruleViolation } from "./template-rules.ts";

describe("ruleDefect", () => {
  it.each([
    "required",
    "nullable",
    "string",
    "numeric",
    "integer",
    "boolean",
    "min:1",
    "max:10.5",
    "between:1,10",
    "in:a,b",
    "not_in:a",
    "size:3",
    "digits:4",
    "digits_between:2,4",
    "regex:/^[a-z:,]+$/i",
    "not_regex:/x/",
    "alpha_num",
    "alpha_dash",
    "url",
    "starts_with:a,b",
    "ends_with:.jar",
  ])("accepts %s", (rule) => expect(ruleDefect(rule)).toBeNull());

  it.each([
    "",
    "unknown",
    "constructor",
    "__proto__",
    "min",
    "min:x",
    "between:1",
    "in:",
    "regex:^a$",
    "regex:/(/",
    "required:1",
  ])("refuses %j", (rule) => expect(ruleDefect(rule)).not.toBeNull());
});

describe("ruleViolation", () => {
  const cases: [string, string, boolean][] = [
    ["required", "x", true],
    ["required", "", false],
    ["integer", "12", true],
    ["integer", "1.2", false],
    ["numeric", "1.2", true],
    ["numeric", "1e9", false],
    ["boolean", "true", true],
    ["boolean", "yes", false],
    ["min:5", "10", true],
    ["min:5", "abc", false],
    ["min:3", "abc", true],
    ["max:10", "9", true],
    ["max:2", "abc", false],
    ["between:1,10", "10", true],
    ["between:1,10", "11", false],
    ["in:a, b", "b", true],
    ["in:a,b", "c", false],
    ["not_in:a", "a", false],
    ["size:3", "abc", true],
    ["digits:4", "0123", true],
    ["digits:4", "123", false],
    ["digits_between:2,3", "1234", false],
    ["regex:/^[a-z]+:\\d$/", "ab:1", true],
    ["regex:/^[a-z]+$/", "aB", false],
    ["not_regex:/;/", "a;b", false],
    ["alpha_num", "a1é", true],
    ["alpha_num", "a-1", false],
    ["alpha_dash", "a-_1", true],
    ["url", "https://example.com/x", true],
    ["url", "example", false],
    ["starts_with:ab,cd", "cdx", true],
    ["starts_with:ab", "xab", false],
    ["ends_with:.jar", "server.jar", true],
    ["string", "anything", true],
  ];
  it.each(cases)("%s of %j is %s", (rule, value, ok) => {
    expect(ruleViolation(value, [rule]) === null).toBe(ok);
  });

  it("lets an empty value pass every rule but required", () => {
    expect(ruleViolation("", ["integer", "min:5"])).toBeNull();
    expect(ruleViolation("", ["integer", "required"])).toBe("is required");
  });

  it("names the first broken rule in words", () => {
    expect(ruleViolation("abc", ["integer", "max:1"])).toBe("must be a whole number");
  });
});
