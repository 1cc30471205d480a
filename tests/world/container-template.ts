import type { Panel } from "./panel.ts";
import { templateCopy } from "./template-copy.ts";

/** Saves a copy of a shipped template that runs in an image of the test machine; returns its id. */
export function containerTemplate(
  panel: Panel,
  templateId: string,
  image: string,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const reference = `docker.io/${image}`;
  return templateCopy(panel, templateId, `${templateId}-container`, {
    image: reference,
    images: [],
    defaultImage: undefined,
    installImage: reference,
    ...changes,
  });
}
