/**
 * Validation rules of template variables, in the notation that users of the field know: `required`, `between:1,10`,
 * `regex:/^[a-z]+$/`. Pure: used by the Worker to refuse bad values and by the panel to explain them before sending.
 */

type RuleTest = (value: string, argument: string) => boolean;

interface RuleKind {
  /** Whether the rule takes an argument after a colon. */
  argument: "none" | "number" | "numbers2" | "list" | "regex" | "text";
  test: RuleTest;
  explain: (argument: string) => string;
}

const INTEGER = /^[+-]?\d+$/;
const NUMERIC = /^[+-]?(\d+\.?\d*|\.\d+)$/;
const BOOLEANS = new Set(["true", "false", "1", "0"]);

/** Regular expressions run against at most this much text, so that a slow pattern cannot hold a request. */
const REGEX_SUBJECT_MAX_CHARS = 4096;
const REGEX_LITERAL = /^\/(.*)\/([imsu]*)$/s;

const list = (argument: string) => argument.split(",").map((item) => item.trim());
const isNumeric = (value: string) => NUMERIC.test(value);
/** What `min`, `max`, `between` and `size` measure: the number if it is one, else the length. */
const magnitude = (value: string) => (isNumeric(value) ? Number(value) : [...value].length);

function parseRegex(argument: string): RegExp | null {
  const match = REGEX_LITERAL.exec(argument);
  try {
    return match ? new RegExp(match[1]!, match[2]) : null;
  } catch {
    return null;
  }
}

const matches = (value: string, argument: string) =>
  parseRegex(argument)?.test(value.slice(0, REGEX_SUBJECT_MAX_CHARS)) ?? false;

const pass: RuleTest = () => true;

const RULES: Record<string, RuleKind> = {
  required: { argument: "none", test: (v) => v !== "", explain: () => "is required" },
  nullable: { argument: "none", test: pass, explain: () => "" },
  string: { argument: "none", test: pass, explain: () => "must be text" },
  numeric: { argument: "none", test: isNumeric, explain: () => "must be a number" },
  integer: { argument: "none", test: (v) => INTEGER.test(v), explain: () => "must be a whole number" },
  boolean: { argument: "none", test: (v) => BOOLEANS.has(v), explain: () => "must be true or false" },
  min: { argument: "number", test: (v, a) => magnitude(v) >= Number(a), explain: (a) => `must be at least ${a}` },
  max: { argument: "number", test: (v, a) => magnitude(v) <= Number(a), explain: (a) => `must be at most ${a}` },
  between: {
    argument: "numbers2",
    test: (v, a) => {
      const [low, high] = list(a).map(Number);
      return magnitude(v) >= low! && magnitude(v) <= high!;
    },
    explain: (a) => `must be between ${list(a).join(" and ")}`,
  },
  in: { argument: "list", test: (v, a) => list(a).includes(v), explain: (a) => `must be one of ${list(a).join(", ")}` },
  not_in: {
    argument: "list",
    test: (v, a) => !list(a).includes(v),
    explain: (a) => `must not be one of ${list(a).join(", ")}`,
  },
  size: { argument: "number", test: (v, a) => magnitude(v) === Number(a), explain: (a) => `must have the size ${a}` },
  digits: {
    argument: "number",
    test: (v, a) => /^\d+$/.test(v) && v.length === Number(a),
    explain: (a) => `must have ${a} digits`,
  },
  digits_between: {
    argument: "numbers2",
    test: (v, a) => {
      const [low, high] = list(a).map(Number);
      return /^\d+$/.test(v) && v.length >= low! && v.length <= high!;
    },
    explain: (a) => `must have ${list(a).join(" to ")} digits`,
  },
  regex: { argument: "regex", test: matches, explain: (a) => `must match ${a}` },
  not_regex: { argument: "regex", test: (v, a) => !matches(v, a), explain: (a) => `must not match ${a}` },
  alpha_num: { argument: "none", test: (v) => /^[\p{L}\p{N}]+$/u.test(v), explain: () => "must be letters and digits" },
  alpha_dash: {
    argument: "none",
    test: (v) => /^[\p{L}\p{N}_-]+$/u.test(v),
    explain: () => "must be letters, digits, dashes and underscores",
  },
  url: { argument: "none", test: (v) => URL.canParse(v), explain: () => "must be a URL" },
  starts_with: {
    argument: "list",
    test: (v, a) => list(a).some((prefix) => v.startsWith(prefix)),
    explain: (a) => `must start with ${list(a).join(" or ")}`,
  },
  ends_with: {
    argument: "list",
    test: (v, a) => list(a).some((suffix) => v.endsWith(suffix)),
    explain: (a) => `must end with ${list(a).join(" or ")}`,
  },
};

function split(rule: string): { name: string; argument: string } {
  const colon = rule.indexOf(":");
  return colon < 0 ? { name: rule, argument: "" } : { name: rule.slice(0, colon), argument: rule.slice(colon + 1) };
}

/** Why a rule cannot be used in a template, or null when it can. */
export function ruleDefect(rule: string): string | null {
  const { name, argument } = split(rule);
  const kind = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (!kind) return `unknown rule "${name}"`;
  switch (kind.argument) {
    case "none":
      return argument === "" ? null : `rule "${name}" takes no argument`;
    case "number":
      return isNumeric(argument) ? null : `rule "${name}" needs a number`;
    case "numbers2":
      return list(argument).length === 2 && list(argument).every(isNumeric) ? null : `rule "${name}" needs two numbers`;
    case "regex":
      return parseRegex(argument) ? null : `rule "${name}" needs a pattern such as /^[a-z]+$/`;
    default:
      return argument === "" ? `rule "${name}" needs a value` : null;
  }
}

/**
 * Checks a value against a variable's rules.
 *
 * An empty value passes unless `required` is among the rules.
 * @returns what is wrong, to be read after the variable's name ("must be a number"), or null.
 */
export function ruleViolation(value: string, rules: readonly string[]): string | null {
  if (value === "") return rules.includes("required") ? RULES.required!.explain("") : null;
  for (const rule of rules) {
    const { name, argument } = split(rule);
    const kind = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    if (!kind) return `is checked by the unknown rule "${name}"`;
    if (!kind.test(value, argument)) return kind.explain(argument);
  }
  return null;
}
