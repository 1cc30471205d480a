/** What a test's agent leaves of its networks when its containers are taken away behind its back. */
import { createLog } from "../log.ts";
import { NerdctlRuntime } from "../runtime/nerdctl/nerdctl-runtime.ts";

/** @param dataDir the agent's; its containers are gone by now. */
export async function removeNetworks(dataDir: string): Promise<void> {
  const runtime = new NerdctlRuntime({ nodeId: "gone", panel: "gone", dataDir, log: createLog("silent") });
  await runtime.follow([]);
  await runtime.close();
}
