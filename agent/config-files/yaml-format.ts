/** Sets values in YAML. A value that is there is replaced in its place; what has to be added is, with comments kept. Pure. */
import { isScalar, parseDocument, type Scalar, stringify } from "yaml";
import { lineEndOf } from "./config-text.ts";
import { nested, parseKeyPath, typedValue } from "./key-path.ts";

const IN_PLACE = new Set<string | undefined>(["PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE"]);

function parsed(text: string) {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new Error("it is not YAML");
  const { contents } = document;
  if (contents !== null && !("items" in contents) && !(isScalar(contents) && contents.value === null)) {
    throw new Error("its top level is not a table of values");
  }
  return document;
}

function written(value: unknown, type: string | undefined): string {
  if (typeof value !== "string") return String(value);
  if (type === "QUOTE_SINGLE" && !/[\r\n]/.test(value)) return `'${value.replaceAll("'", "''")}'`;
  const plain = type === "QUOTE_DOUBLE" ? "\n" : stringify(value, { lineWidth: 0 }).trimEnd();
  // Within brackets more characters count than `stringify` minds.
  return /[\n,[\]{}]/.test(plain) ? JSON.stringify(value) : plain;
}

function inPlace(text: string, node: Scalar, next: unknown): string {
  const [start, end] = node.range!;
  const isEmpty = start === end;
  return `${text.slice(0, start)}${isEmpty ? " " : ""}${written(next, node.type)}${text.slice(end)}`;
}

function setOne(text: string, path: string, value: string): string {
  const document = parsed(text);
  const keys = parseKeyPath(path);
  const node = document.getIn(keys, true);
  const present = isScalar(node) ? node.value : undefined;
  const next = typedValue(value, present);
  if (isScalar(node) && next === present) return text;
  const holds = (edited: string) => {
    const again = parseDocument(edited);
    return again.errors.length === 0 && again.getIn(keys) === next;
  };
  if (isScalar(node) && node.range && IN_PLACE.has(node.type)) {
    const edited = inPlace(text, node, next);
    if (holds(edited)) return edited;
  }
  const lineEnd = lineEndOf(text);
  const [first, ...rest] = keys;
  if (node === undefined && typeof first === "string" && !document.has(first)) {
    const glue = text === "" || text.endsWith("\n") ? "" : lineEnd;
    const added = stringify({ [first]: nested(rest, value) }, { lineWidth: 0 }).replaceAll("\n", lineEnd);
    const edited = text + glue + added;
    if (holds(edited)) return edited;
  }
  document.setIn(keys, next);
  const edited = document.toString({ lineWidth: 0 }).replace(/\r?\n/g, lineEnd);
  if (!holds(edited)) throw new Error(`${path} cannot be set`);
  return edited;
}

/** @throws Error when the text is not YAML. */
export function editYaml(text: string, values: Record<string, string>): string {
  parsed(text);
  return Object.entries(values).reduce((edited, [path, value]) => setOne(edited, path, value), text);
}
