import { readFileSync } from "node:fs";
import type { Panel } from "./panel.ts";

/** Saves a copy of a shipped template that runs in an image of the test machine; returns its id. */
export async function containerTemplate(
  panel: Panel,
  templateId: string,
  image: string,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const shipped = JSON.parse(readFileSync(`templates/${templateId}.json`, "utf8"));
  const id = `${templateId}-container`;
  const reference = `docker.io/${image}`;
  await panel.must("POST", "/api/templates", {
    ...shipped,
    id,
    name: id,
    image: reference,
    images: [],
    defaultImage: undefined,
    installImage: reference,
    ...changes,
  });
  return id;
}
