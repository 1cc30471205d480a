/**
 * Edits of formats whose library takes minutes for a few hundred kilobytes made for it: a hostile game writes them,
 * and the agent has other servers to look after. They are made in a thread that is ended when it takes too long.
 */
import { Worker } from "node:worker_threads";
import type { ConfigFile } from "../../protocol/template.ts";
import { editText } from "./edit-text.ts";
import type { EditOutcome, EditRequest } from "./edit-worker.ts";

const DEADLINE_MS = 5_000;
const MEMORY_MAX_MB = 256;
const SLOW_LIBRARY = new Set<ConfigFile["parser"]>(["yaml", "toml"]);

/** The agent ships as one file, which is then the thread's too. */
const workerModule = import.meta.url.endsWith("/edit-in-time.ts")
  ? new URL("./edit-worker.ts", import.meta.url)
  : new URL(import.meta.url);

/** As `editText`; @throws Error in words for the owner also when it took too long. */
export async function editInTime(
  parser: ConfigFile["parser"],
  text: string | null,
  values: Record<string, string>,
): Promise<string | null> {
  if (!SLOW_LIBRARY.has(parser) || text === null) return editText(parser, text, values);
  const outcome = await editInThread({ isConfigEdit: true, parser, text, values });
  if ("error" in outcome) throw new Error(outcome.error);
  return outcome.text;
}

function editInThread(workerData: EditRequest): Promise<EditOutcome> {
  return new Promise((resolve) => {
    const worker = new Worker(workerModule, {
      workerData,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
    });
    const settle = (outcome: EditOutcome) => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle({ error: "it takes too long to read" }), DEADLINE_MS);
    worker.once("message", settle);
    worker.once("error", () => settle({ error: "it takes too much memory to read" }));
    worker.once("exit", () => settle({ error: "it could not be read" }));
  });
}
