/** Sets values in the text of a configuration file, whatever its format. Pure. */
import type { ConfigFile } from "../../protocol/template.ts";
import { editJson } from "./json-format.ts";
import { editIni, editLines, editProperties } from "./line-formats.ts";
import { editToml } from "./toml-format.ts";
import { editXml } from "./xml-format.ts";

type Values = Record<string, string>;

/**
 * @param text present content, or null when there is no file.
 * @returns the new content, or null when there is nothing to make of a missing file in this format.
 * @throws Error saying in words for the owner what is wrong with the content.
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
      return editJson(text ?? "", values);
    case "toml":
      return editToml(text ?? "", values);
    case "yaml":
      // The library is loaded by the few servers that need it.
      return (await import("./yaml-format.ts")).editYaml(text ?? "", values);
    case "xml":
      return text === null ? null : editXml(text, values);
    case "file":
      return text === null ? null : editLines(text, values);
  }
}
