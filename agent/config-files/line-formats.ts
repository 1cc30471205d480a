/** Formats made of lines: what is not set stays as it is, byte for byte. Pure. */
import { lineEndOf, linesOf, oneLine, splitEnd } from "./config-text.ts";

type Values = Record<string, string>;

/** Adds lines behind the line `at - 1`, which may lack its end. */
function insert(lines: string[], at: number, added: string[], lineEnd: string): void {
  if (added.length === 0) return;
  const before = lines[at - 1];
  if (before !== undefined && splitEnd(before)[1] === "") lines[at - 1] = before + lineEnd;
  lines.splice(at, 0, ...added.map((line) => line + lineEnd));
}

const ESCAPES: Record<string, string> = { t: "\t", n: "\n", r: "\r", f: "\f" };
const unescaped = (text: string) =>
  text.replace(/\\(?:u([0-9a-fA-F]{4})|\r?\n[ \t\f]*|([\s\S]))/g, (whole, hex?: string, char?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (char === undefined) return whole.startsWith("\\u") ? "u" : "";
    return ESCAPES[char] ?? char;
  });

const escapedKey = (key: string) => key.replace(/[ :=\\#!]/g, "\\$&");
const escapedValue = (value: string) =>
  oneLine(value)
    .replaceAll("\\", "\\\\")
    .replace(/^[ \t]/, "\\$&");

/** Lines that end in an odd number of backslashes go on in the next one. */
function logicalLines(text: string): string[] {
  const logical: string[] = [];
  let isOpen = false;
  for (const line of linesOf(text)) {
    if (isOpen) logical[logical.length - 1] += line;
    else logical.push(line);
    const body = splitEnd(line)[0];
    const isComment: boolean = !isOpen && /^[ \t\f]*[#!]/.test(body);
    isOpen = !isComment && (/\\*$/.exec(body)?.[0].length ?? 0) % 2 === 1;
  }
  return logical;
}

const PROPERTY = /^([ \t\f]*)((?:\\[\s\S]|[^\\\s:=])+)([ \t\f]*[:=]?[ \t\f]*)([\s\S]*)$/;

/** Java's properties. A key that is there more than once is set everywhere: the last one counts. */
export function editProperties(text: string, values: Values): string {
  const lines = logicalLines(text);
  const lineEnd = lineEndOf(text);
  const missing = new Set(Object.keys(values));
  lines.forEach((line, index) => {
    const [body, end] = splitEnd(line);
    if (/^[ \t\f]*([#!]|$)/.test(body)) return;
    const [, indent, key, separator, value] = PROPERTY.exec(body) ?? [];
    const wanted = key === undefined ? undefined : values[unescaped(key)];
    if (wanted === undefined) return;
    missing.delete(unescaped(key!));
    // Games escape more than they must: what means the same stays.
    if (unescaped(value!) === oneLine(wanted) && separator !== "") return;
    lines[index] = `${indent}${key}${separator === "" ? "=" : separator}${escapedValue(wanted)}${end}`;
  });
  insert(
    lines,
    lines.length,
    [...missing].map((key) => `${escapedKey(key)}=${escapedValue(values[key]!)}`),
    lineEnd,
  );
  return lines.join("");
}

const HEAD = /^\[(.*)\]$/;
/** The key of a line, and all up to its value. */
function settingOf(line: string): { key: string; start: string } | null {
  const equals = line.indexOf("=");
  if (equals < 0) return null;
  const blanks = /^[ \t]*/.exec(line.slice(equals + 1))![0];
  return { key: line.slice(0, equals).trim(), start: line.slice(0, equals + 1) + blanks };
}
const isIniComment = (line: string) => /^[;#]/.test(line.trimStart());

/** Section and key of a path. Names of sections may have dots: one that is there decides, else the last dot does. */
function iniPlace(path: string, sections: readonly string[]): [section: string, key: string] {
  const there = sections.filter((name) => path.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0];
  if (there !== undefined) return [there, path.slice(there.length + 1)];
  const dot = path.lastIndexOf(".");
  return dot < 0 ? ["", path] : [path.slice(0, dot), path.slice(dot + 1)];
}

/** Keys are `section.key`, or only `key` before the first section. Of a key that is there more than once the last is set. */
export function editIni(text: string, values: Values): string {
  const lines = linesOf(text);
  const lineEnd = lineEndOf(text);
  for (const [path, value] of Object.entries(values)) {
    const headOf = (line: string) => (isIniComment(line) ? undefined : HEAD.exec(line.trim())?.[1]?.trim());
    const sections = lines.map(headOf).filter((name) => name !== undefined);
    const [section, key] = iniPlace(path, sections);
    if (section !== "" && !sections.includes(section)) insert(lines, lines.length, [`[${section}]`], lineEnd);
    const begin = section === "" ? 0 : lines.findIndex((line) => headOf(line) === section) + 1;
    let end = lines.findIndex((line, index) => index >= begin && headOf(line) !== undefined);
    if (end < 0) end = lines.length;
    const at = lines.findLastIndex((line, index) => {
      const isMeant = index >= begin && index < end && !isIniComment(line);
      return isMeant && settingOf(splitEnd(line)[0])?.key === key;
    });
    if (at >= 0) {
      const [body, ending] = splitEnd(lines[at]!);
      lines[at] = settingOf(body)!.start + oneLine(value) + ending;
      continue;
    }
    // Blank lines before the next section stay before it.
    while (end > begin && lines[end - 1]!.trim() === "") end--;
    insert(lines, end, [`${key}=${oneLine(value)}`], lineEnd);
  }
  return lines.join("");
}

/** Any text: each line that begins with a key becomes the value; of keys that fit, the longest counts. */
export function editLines(text: string, values: Values): string {
  const keys = Object.keys(values).sort((a, b) => b.length - a.length);
  return linesOf(text)
    .map((line) => {
      const key = keys.find((start) => line.trimStart().startsWith(start));
      return key === undefined ? line : oneLine(values[key]!) + splitEnd(line)[1];
    })
    .join("");
}
