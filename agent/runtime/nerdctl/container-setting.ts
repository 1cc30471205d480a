/** What every container of this node is made with, games and installs alike. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installConsoleLogger } from "../../console/console-logger.ts";
import type { ContainerSetting } from "./arguments.ts";
import { readNodeLimits } from "./node-limits.ts";
import { GAME_OWNER_DEFAULT, INIT_BINARY_DEFAULT, type NerdctlOptions } from "./options.ts";
import { environmentFolder } from "./run-container.ts";

/** What the machine grants a process. */
function openFilesMax(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}

async function lastingSetting(options: NerdctlOptions): Promise<Omit<ContainerSetting, "limits">> {
  const { nodeId, panel, dataDir, gameOwner, initBinary } = options;
  const folder = join(dataDir, "nerdctl-runtime");
  return {
    nodeId,
    panel,
    environmentFolder: environmentFolder(dataDir),
    gameOwner: gameOwner ?? GAME_OWNER_DEFAULT,
    initBinary: initBinary ?? INIT_BINARY_DEFAULT,
    logger: await installConsoleLogger(join(folder, "bin")),
    openFilesMax: openFilesMax(),
  };
}

/** @returns the question for the setting; the console's logger is installed when it is asked for the first time. */
export function containerSetting(options: NerdctlOptions): () => Promise<ContainerSetting> {
  let lasting: ReturnType<typeof lastingSetting> | null = null;
  return async () => {
    lasting ??= lastingSetting(options);
    // CPUs may come and go; the rest stays what it is.
    return { ...(await lasting), limits: readNodeLimits() };
  };
}
