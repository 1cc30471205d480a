import { readFileSync } from "node:fs";
import type { Panel } from "./panel.ts";

/** Saves a copy of a shipped template under another id, with some fields changed; returns that id. */
export async function templateCopy(
  panel: Panel,
  templateId: string,
  id: string,
  changes: Record<string, unknown>,
): Promise<string> {
  const shipped = JSON.parse(readFileSync(`templates/${templateId}.json`, "utf8"));
  await panel.must("POST", "/api/templates", { ...shipped, id, name: id, ...changes });
  return id;
}
