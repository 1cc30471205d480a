/** Whether containers can be run here, asked before anything is started for them. */
import { createLog } from "../agent/log.ts";
import { NerdctlCli } from "../agent/runtime/nerdctl/cli.ts";
import { nerdctlPreflight } from "../agent/runtime/nerdctl/preflight.ts";

/**
 * Why `--runtime nerdctl` cannot work on this machine, with what to do about it; null when it can.
 *
 * @param dataDir of this start; nothing is written to it.
 */
export async function containerTrouble(dataDir: string): Promise<string | null> {
  const options = { nodeId: "unknown", panel: "unknown", dataDir, log: createLog("silent") };
  const findings = await nerdctlPreflight(new NerdctlCli(options), options);
  const first = findings.find((finding) => finding.level === "error");
  return first ? `${first.message} ${first.remedy}` : null;
}
