/** Sets values in the text of a configuration file, whatever its format. Pure. */
import { parse as parseToml, stringify as stringifyToml } from "smol-toml";
import type { ConfigFile } from "../../protocol/template.ts";
import { parseKeyPath, setByPath, typedValue } from "./key-path.ts";
import { editIni, editLines, editProperties } from "./line-formats.ts";
import { editXml } from "./xml-format.ts";

type Values = Record<string, string>;

function setAll(root: unknown, values: Values): Record<string, unknown> {
  if (typeof root !== "object" || root === null) throw new Error("its top level is not a table of values");
  for (const [path, value] of Object.entries(values)) setByPath(root as Record<string, unknown>, path, value);
  return root as Record<string, unknown>;
}

/** Comments and order stay. The library is loaded by the few servers that need it. */
async function editYaml(text: string, values: Values): Promise<string> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new Error("it is not YAML");
  for (const [path, value] of Object.entries(values)) {
    const keys = parseKeyPath(path);
    document.setIn(keys, typedValue(value, document.getIn(keys)));
  }
  return document.toString();
}

const jsonIndent = (text: string) => /^[[{]\r?\n([ \t]+)/.exec(text)?.[1] ?? "  ";

/**
 * @param text present content, or null when there is no file.
 * @returns the new content, or null when there is nothing to make of a missing file in this format.
 */
export async function editText(
  parser: ConfigFile["parser"],
  text: string | null,
  values: Values,
): Promise<string | null> {
  switch (parser) {
    case "properties":
      return editProperties(text ?? "", values);
    case "ini":
      return editIni(text ?? "", values);
    case "json":
      return `${JSON.stringify(setAll(JSON.parse(text ?? "{}"), values), null, jsonIndent(text ?? ""))}\n`;
    case "toml":
      return `${stringifyToml(setAll(parseToml(text ?? ""), values)).trimEnd()}\n`;
    case "yaml":
      return editYaml(text ?? "", values);
    case "xml":
      return text === null ? null : editXml(text, values);
    case "file":
      return text === null ? null : editLines(text, values);
  }
}
