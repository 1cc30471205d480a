/** Sets values in TOML: only the bytes of what is set change. Pure; the library judges the text before and after. */
import { parse as parseToml } from "smol-toml";
import { lineEndOf } from "./config-text.ts";
import { type Key, nested, parseKeyPath, typedValue } from "./key-path.ts";

/** A key with its value, by where it is from the top: tables in a list have their index in the path. */
interface Setting {
  path: Key[];
  start: number;
  end: number;
}

/** The top, or a `[table]`: where its next setting can stand. */
interface Table {
  path: Key[];
  end: number;
}

interface Layout {
  settings: Setting[];
  tables: Table[];
}

const parse = (text: string) => parseToml(text, { integersAsBigInt: "asNeeded" });

const BLANK = /(?:\s|#[^\n]*)*/y;
const KEY = /[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')[ \t]*(\.)?/y;
const STRING = /"""(?:[^\\]|\\[\s\S])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
const PLAIN = /[^\s,[\]{}#"'][^,[\]{}#"'\n]*/y;

/** Where what is in a valid document. */
function layoutOf(text: string): Layout {
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const keys = (): Key[] => {
    const path: Key[] = [];
    for (;;) {
      const found = match(KEY);
      if (!found) throw new Error("it is not TOML");
      const [, bare, quoted, literal, dot] = found;
      path.push(bare ?? literal ?? JSON.parse(`"${quoted}"`));
      if (!dot) return path;
    }
  };
  const skipValue = () => {
    let depth = 0;
    do {
      if (depth > 0) match(BLANK);
      const char = text[at];
      if (char === "[" || char === "{") depth++;
      else if (char === "]" || char === "}") depth--;
      else if (char !== ",") {
        if (!match(STRING) && !match(PLAIN)) throw new Error("it is not TOML");
        continue;
      }
      at++;
    } while (depth > 0);
  };
  const counts = new Map<string, number>();
  /** Lists of tables stand for their last one. */
  const resolved = (path: Key[]): Key[] => {
    const whole: Key[] = [];
    for (const key of path) {
      whole.push(key);
      const count = counts.get(JSON.stringify(whole));
      if (count !== undefined) whole.push(count - 1);
    }
    return whole;
  };
  const settings: Setting[] = [];
  let table: Table = { path: [], end: 0 };
  const tables = [table];
  for (match(BLANK); at < text.length; match(BLANK)) {
    const isTable = text[at] === "[";
    if (isTable) {
      const isListed = text[at + 1] === "[";
      at += isListed ? 2 : 1;
      const path = keys();
      at += isListed ? 2 : 1;
      const own = resolved(path.slice(0, -1)).concat(path.at(-1)!);
      if (isListed) counts.set(JSON.stringify(own), (counts.get(JSON.stringify(own)) ?? 0) + 1);
      table = { path: resolved(path), end: at };
      tables.push(table);
    } else {
      const path = keys();
      at++;
      while (text[at] === " " || text[at] === "\t") at++;
      const start = at;
      skipValue();
      const end = start + text.slice(start, at).trimEnd().length;
      settings.push({ path: [...table.path, ...path], start, end });
    }
    const lineEnd = text.indexOf("\n", at);
    table.end = lineEnd < 0 ? text.length : lineEnd + 1;
  }
  return { settings, tables };
}

function written(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, each]) => `${writtenKey(key)} = ${written(each)}`)
      .join(", ")} }`;
  }
  return String(value);
}
const writtenKey = (key: string) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : written(key));

const isPrefix = (short: readonly Key[], long: readonly Key[]) =>
  short.length <= long.length && short.every((key, index) => key === long[index]);

function valueAt(root: unknown, path: readonly Key[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<Key, unknown> | undefined)?.[key], root);
}

function setOne(text: string, path: string, value: string): string {
  const keys = parseKeyPath(path);
  const root = parse(text);
  const present = valueAt(root, keys);
  const next = typedValue(value, present);
  // 1.0 is read as the number 1, and stays as it is written.
  if (next === present || (typeof present === "bigint" && String(present) === value)) return text;
  const edited = place(text, keys, value, next);
  if (valueAt(parse(edited), keys) !== next) throw new Error(`${path} cannot be set`);
  return edited;
}

function place(text: string, keys: Key[], value: string, next: unknown): string {
  const { settings, tables } = layoutOf(text);
  const setting = settings.find(({ path }) => isPrefix(path, keys));
  if (setting) {
    const rest = keys.slice(setting.path.length);
    if (rest.length > 0) throw new Error(`${keys.join(".")} is within a value of one line`);
    return text.slice(0, setting.start) + written(next) + text.slice(setting.end);
  }
  const lineEnd = lineEndOf(text);
  const home = tables.filter(({ path }) => isPrefix(path, keys)).sort((a, b) => b.path.length - a.path.length)[0]!;
  const rest = keys.slice(home.path.length);
  const before = text.slice(0, home.end);
  const glue = before === "" || before.endsWith("\n") ? "" : lineEnd;
  const names = rest.filter((key) => typeof key === "string");
  const isInNewTable = home.path.length === 0 && rest.length > 1 && names.length === rest.length;
  if (isInNewTable) {
    const end = text === "" || text.endsWith("\n") ? "" : lineEnd;
    const head = names.slice(0, -1).map(writtenKey).join(".");
    return `${text}${end}[${head}]${lineEnd}${writtenKey(names.at(-1)!)} = ${written(next)}${lineEnd}`;
  }
  const index = rest.findIndex((key) => typeof key === "number");
  const named = (index < 0 ? rest : rest.slice(0, index)) as string[];
  const whole = index < 0 ? next : nested(rest.slice(index), value);
  const line = `${named.map(writtenKey).join(".")} = ${written(whole)}${lineEnd}`;
  return before + glue + line + text.slice(home.end);
}

/** @throws Error when the text is not TOML. */
export function editToml(text: string, values: Record<string, string>): string {
  let edited = text;
  try {
    parse(text);
  } catch {
    throw new Error("it is not TOML");
  }
  for (const [path, value] of Object.entries(values)) edited = setOne(edited, path, value);
  return edited;
}
