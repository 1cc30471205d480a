/** Formats made of lines: what is not set stays as it is, comments too. Pure. */

type Values = Record<string, string>;

/** A value that holds a line end would be more than a value. */
const oneLine = (value: string) => value.replace(/[\r\n]+/g, " ");
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function joined(lines: string[]): string {
  return `${lines.join("\n")}\n`;
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}

/** Java's properties. Only what the format itself reads otherwise is escaped. */
export function editProperties(text: string, values: Values): string {
  const lines = linesOf(text);
  for (const [key, value] of Object.entries(values)) {
    const written = `${key.replace(/[ :=\\]/g, "\\$&")}=${oneLine(value).replaceAll("\\", "\\\\")}`;
    const name = new RegExp(`^\\s*(?:${escaped(key)}|${escaped(key.replace(/[ :=\\]/g, "\\$&"))})\\s*[=:]`);
    const at = lines.findIndex((line) => name.test(line));
    if (at >= 0) lines[at] = written;
    else lines.push(written);
  }
  return joined(lines);
}

/** Keys are `section.key`, or only `key` before the first section. */
export function editIni(text: string, values: Values): string {
  const lines = linesOf(text);
  for (const [path, value] of Object.entries(values)) {
    const dot = path.indexOf(".");
    const section = dot < 0 ? "" : path.slice(0, dot);
    const key = dot < 0 ? path : path.slice(dot + 1);
    const written = `${key}=${oneLine(value)}`;
    const isHead = (line: string) => /^\s*\[.*\]\s*$/.test(line);
    let begin = section === "" ? 0 : lines.findIndex((line) => line.trim() === `[${section}]`) + 1;
    if (section !== "" && begin === 0) begin = lines.push(`[${section}]`);
    let end = lines.findIndex((line, index) => index >= begin && isHead(line));
    if (end < 0) end = lines.length;
    const name = new RegExp(`^\\s*${escaped(key)}\\s*=`);
    const at = lines.findIndex((line, index) => index >= begin && index < end && name.test(line));
    if (at >= 0) lines[at] = written;
    else lines.splice(end, 0, written);
  }
  return joined(lines);
}

/** Any text: each line that begins with a key becomes the value. */
export function editLines(text: string, values: Values): string {
  const lines = linesOf(text).map((line) => {
    const key = Object.keys(values).find((start) => line.trimStart().startsWith(start));
    return key === undefined ? line : oneLine(values[key]!);
  });
  return joined(lines);
}
