/**
 * Sets values in JSON, with comments and trailing commas as many games allow them: only the bytes of what is set
 * change. Pure, and linear in the text.
 */
import { lineEndOf } from "./config-text.ts";
import { type Key, nested, parseKeyPath, typedValue } from "./key-path.ts";

const DEPTH_MAX = 200;

interface Node {
  start: number;
  end: number;
  /** Of objects and arrays. */
  children?: { key: Key; node: Node; start: number }[];
  isArray?: boolean;
}

const BLANK = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Node {
    this.#blank();
    const root = this.#value(0);
    this.#blank();
    if (this.#at < this.#text.length) throw new Error("it is not JSON");
    return root;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found?.[0] ?? null;
  }

  #blank(): void {
    this.#match(BLANK);
  }

  #value(depth: number): Node {
    const start = this.#at;
    const opening = this.#text[start];
    if (opening !== "{" && opening !== "[") {
      if (this.#match(STRING) === null && this.#match(LITERAL) === null) throw new Error("it is not JSON");
      return { start, end: this.#at };
    }
    if (depth >= DEPTH_MAX) throw new Error("it is nested too deep");
    const isArray = opening === "[";
    const children: Node["children"] = [];
    this.#at++;
    for (let isFirst = true; ; isFirst = false) {
      this.#blank();
      if (this.#closes(isArray)) break;
      if (!isFirst) {
        if (this.#text[this.#at++] !== ",") throw new Error("it is not JSON");
        this.#blank();
        if (this.#closes(isArray)) break;
      }
      const childStart = this.#at;
      const key = isArray ? children.length : this.#key();
      children.push({ key, start: childStart, node: this.#value(depth + 1) });
    }
    return { start, end: this.#at, children, isArray };
  }

  #closes(isArray: boolean): boolean {
    if (this.#text[this.#at] !== (isArray ? "]" : "}")) return false;
    this.#at++;
    return true;
  }

  #key(): string {
    const key = this.#match(STRING);
    this.#blank();
    if (key === null || this.#text[this.#at++] !== ":") throw new Error("it is not JSON");
    this.#blank();
    return JSON.parse(key);
  }
}

/** How the document indents: the white space before its first entry. */
const indentOf = (text: string) => /^\s*[[{][^\S\n]*\r?\n([ \t]+)/.exec(text)?.[1] ?? "  ";

function setOne(text: string, path: string, value: string): string {
  const keys = parseKeyPath(path);
  let node = new Reader(text).document();
  if (!node.children) throw new Error("its top level is not a table of values");
  for (const [depth, key] of keys.entries()) {
    const rest = keys.slice(depth + 1);
    // Of a key that is there twice the last one counts.
    const child = node.children!.findLast((each) => String(each.key) === String(key));
    if (!child) return insertInto(text, node, key, nested(rest, value), depth + 1);
    if (rest.length === 0 || !child.node.children) {
      const written = text.slice(child.node.start, child.node.end);
      const present: unknown = child.node.children ? undefined : JSON.parse(written);
      const next = rest.length === 0 ? typedValue(value, present) : nested(rest, value);
      if (next === present) return text;
      const indented = JSON.stringify(next, null, indentOf(text)).replaceAll("\n", newLine(text, depth + 1));
      return text.slice(0, child.node.start) + indented + text.slice(child.node.end);
    }
    node = child.node;
  }
  return text;
}

const newLine = (text: string, depth: number) => lineEndOf(text) + indentOf(text).repeat(depth);

function insertInto(text: string, node: Node, key: Key, value: unknown, depth: number): string {
  const children = node.children!;
  const isMultiline = children.length === 0 || text.slice(node.start, node.end).includes("\n");
  const separator = isMultiline ? newLine(text, depth) : " ";
  const written = JSON.stringify(value, null, isMultiline ? indentOf(text) : undefined).replaceAll("\n", separator);
  let added: string[];
  if (node.isArray) {
    if (typeof key !== "number") throw new Error(`a list has no ${key}`);
    added = [...Array<string>(key - children.length).fill("null"), written];
  } else {
    added = [`${JSON.stringify(String(key))}: ${written}`];
  }
  const last = children.at(-1);
  if (!last) {
    const entries = added.map((entry) => separator + entry).join(",");
    return `${text.slice(0, node.start + 1)}${entries}${newLine(text, depth - 1)}${text.slice(node.end - 1)}`;
  }
  const entries = added.map((entry) => `,${separator}${entry}`).join("");
  return text.slice(0, last.node.end) + entries + text.slice(last.node.end);
}

/** @throws Error when the text is not JSON. */
export function editJson(text: string, values: Record<string, string>): string {
  let edited = text.trim() === "" ? "{}\n" : text;
  // Broken text is said to be so also where nothing is to be set.
  new Reader(edited).document();
  for (const [path, value] of Object.entries(values)) edited = setOne(edited, path, value);
  return edited;
}
