/** Catalyst's own lines in a server's console. */
import type { Log } from "../log.ts";
import type { ServerPaths } from "../runtime/container-runtime.ts";
import { appendConsoleLine } from "./console-logger.ts";
import { makeServerFolders } from "./server-paths.ts";

/** Control characters would let a file name or a registry's answer draw on the viewer's terminal. */
const printable = (text: string) => text.replace(/\p{Cc}+/gu, " ").trim();

/** Only while the server does not run, whose logger holds the console; never rejects. */
export async function sayInConsole(logger: string, paths: ServerPaths, text: string, log: Log): Promise<void> {
  try {
    await makeServerFolders(paths);
    await appendConsoleLine(logger, paths.console, `[catalyst] ${printable(text)}`);
  } catch (error) {
    log.warn({ err: error }, "a line for the console was lost");
  }
}
