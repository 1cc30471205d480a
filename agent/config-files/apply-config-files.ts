/** Writes a template's values into the game's own configuration files, before each start. */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { FileOwner } from "../console/server-paths.ts";
import { fillText } from "../power/launch-environment.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { editConfinedFile } from "./confined-file.ts";
import { editText } from "./edit-text.ts";

/**
 * @param root the server's data folder.
 * @param owner who owns files and folders that have to be made.
 * @throws RuntimeError naming the file and what is wrong with it.
 */
export async function applyConfigFiles(
  spec: ServerSpec,
  root: string,
  owner: FileOwner,
  environment: Record<string, string>,
): Promise<void> {
  for (const { path, parser, values } of spec.configFiles) {
    const filled = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, fillText(value, environment)]),
    );
    // Nobody but this server's own processes writes there, and they do not run now: read first, write then.
    let present: string | null = null;
    editConfinedFile(root, path, owner, (text) => {
      present = text;
      return null;
    });
    let edited: string | null;
    try {
      edited = await editText(parser, present, filled);
    } catch (error) {
      throw new RuntimeError(`${path} cannot be edited: ${(error as Error).message.split("\n")[0]}`);
    }
    editConfinedFile(root, path, owner, () => edited);
  }
}
