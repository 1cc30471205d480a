/** The other end of `edit-in-time.ts`: one edit in a thread that can be ended. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type { ConfigFile } from "../../protocol/template.ts";
import { editText } from "./edit-text.ts";

export interface EditRequest {
  isConfigEdit: true;
  parser: ConfigFile["parser"];
  text: string | null;
  values: Record<string, string>;
}

export type EditOutcome = { text: string | null } | { error: string };

const request = workerData as Partial<EditRequest> | null;
if (!isMainThread && request?.isConfigEdit) {
  const { parser, text, values } = request as EditRequest;
  const outcome: Promise<EditOutcome> = editText(parser, text, values).then(
    (edited) => ({ text: edited }),
    (error: Error) => ({ error: error.message }),
  );
  void outcome.then((told) => parentPort?.postMessage(told));
}
