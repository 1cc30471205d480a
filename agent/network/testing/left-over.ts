/** What the networks of a test's agent have left on the machine. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { netconfFolder } from "../netconf-folder.ts";
import { agentKey, BRIDGE_PREFIX } from "../network-plan.ts";

const lines = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");

export async function networkFiles(dataDir: string): Promise<string[]> {
  const folder = await netconfFolder(undefined, "catalyst");
  return readdirSync(folder).filter((file) => file.includes(`catalyst-${agentKey(dataDir)}-`));
}

/** Of every table. */
export const firewallLines = (dataDir: string, program: "iptables" | "ip6tables" = "iptables"): string[] =>
  lines(`${program}-save`).filter((line) => line.includes(`CATALYST-${agentKey(dataDir)}-`));

/** Notes of addresses in use. */
export function leases(dataDir: string): string[] {
  try {
    const folder = join(dataDir, "nerdctl-runtime", "addresses");
    return readdirSync(folder, { recursive: true })
      .map(String)
      .filter((file) => /\/[0-9a-f]*[.:][0-9a-f.:]*$/i.test(file));
  } catch {
    return [];
  }
}

export const bridges = (): string[] => readdirSync("/sys/class/net").filter((name) => name.startsWith(BRIDGE_PREFIX));

export const cniResults = (network: string): string[] => {
  try {
    return readdirSync("/var/lib/cni/results").filter((file) => file.startsWith(network));
  } catch {
    return [];
  }
};
