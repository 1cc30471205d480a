/** What a test's agent leaves of its networks when it ends before its servers are gone, or they are taken from it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../log.ts";
import { NerdctlRuntime } from "../runtime/nerdctl/nerdctl-runtime.ts";
import type { ContainerdPlace } from "./containerd-place.ts";

/**
 * Does nothing for an agent that never had containers.
 *
 * @param dataDir the agent's; its containers are gone by now.
 * @param place of its containerd, where that is not the environment's.
 */
export async function removeNetworks(dataDir: string, place?: ContainerdPlace): Promise<void> {
  if (!existsSync(join(dataDir, "nerdctl-runtime"))) return;
  const runtime = new NerdctlRuntime({
    nodeId: "gone",
    panel: "gone",
    dataDir,
    address: place?.address,
    dataRoot: place?.data_root,
    cniPath: place?.cni_path,
    cniNetconfPath: place?.cni_netconfpath,
    log: createLog("silent"),
  });
  await runtime.follow([]);
  await runtime.close();
}
