/** Writes a template's values into the game's own configuration files, before each start. */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { ConfigFile } from "../../protocol/template.ts";
import type { FileOwner } from "../console/server-paths.ts";
import { fillText } from "../power/launch-environment.ts";
import { decodeConfig } from "./config-text.ts";
import { readConfinedFile, writeConfinedFile } from "./confined-file.ts";
import { editInTime } from "./edit-in-time.ts";

export interface ConfigDefect {
  path: string;
  /** For the owner, to be read after the path: "it is not JSON". */
  reason: string;
  error: unknown;
}

/**
 * A file that cannot be edited is left byte for byte as it is: it may be the owner's own work, and the game decides
 * whether it can live with it.
 *
 * @param root the server's data folder.
 * @param owner who owns files and folders that have to be made.
 * @returns what was left as it was, and why.
 */
export async function applyConfigFiles(
  spec: Pick<ServerSpec, "configFiles">,
  root: string,
  owner: FileOwner,
  environment: Record<string, string>,
): Promise<ConfigDefect[]> {
  const defects: ConfigDefect[] = [];
  for (const file of spec.configFiles) {
    try {
      await apply(file, root, owner, environment);
    } catch (error) {
      defects.push({ path: file.path, reason: reasonOf(error), error });
    }
  }
  return defects;
}

/** Nobody but this server's own processes writes there, and they do not run now: read first, write then. */
async function apply(
  { path, parser, values }: ConfigFile,
  root: string,
  owner: FileOwner,
  environment: Record<string, string>,
): Promise<void> {
  const filled = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, fillText(value, environment)]));
  const present = readConfinedFile(root, path);
  const { text, encode } = decodeConfig(present ?? Buffer.alloc(0));
  const edited = await editInTime(parser, present && text, filled);
  if (edited === null || (present && edited === text)) return;
  writeConfinedFile(root, path, encode(edited), owner);
}

/** Codes of the system are for the log. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return code === undefined ? message.split("\n")[0]!.replace(/\.$/, "") : "it cannot be read or written";
}
