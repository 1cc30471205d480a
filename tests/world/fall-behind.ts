import { appendFileSync, copyFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Panel } from "./panel.ts";
import { until } from "./until.ts";

/** Has the panel's first node run a build of its own, as one that the panel left behind. */
export async function fallBehind(panel: Panel): Promise<void> {
  const bundle = join(panel.ready.dataDir, "nodes", panel.nodeId, "agent", "catalyst-agent.mjs");
  copyFileSync(bundle, `${bundle}.older`);
  appendFileSync(`${bundle}.older`, "\n// older\n");
  renameSync(`${bundle}.older`, bundle);
  await panel.killAgent();
  await until("the older agent is connected", async () => {
    const { agentVersion, latestAgentVersion } = await panel.must<Record<string, string | null>>(
      "GET",
      `/api/nodes/${panel.nodeId}`,
    );
    return agentVersion !== latestAgentVersion;
  });
  await panel.waitForNode();
}
