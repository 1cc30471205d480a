/** Where nerdctl reads its networks from: by the agent's configuration, nerdctl's own, or its default. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "smol-toml";

const NETCONF_DEFAULT = "/etc/cni/net.d";
const NERDCTL_TOML_DEFAULT = "/etc/nerdctl/nerdctl.toml";

async function configured(): Promise<string | null> {
  try {
    const { cni_netconfpath: path } = parse(await readFile(process.env.NERDCTL_TOML ?? NERDCTL_TOML_DEFAULT, "utf8"));
    return typeof path === "string" ? path : null;
  } catch {
    return null;
  }
}

/** Networks of one containerd namespace have a folder of their own. */
export async function netconfFolder(given: string | undefined, namespace: string): Promise<string> {
  return join(given ?? (await configured()) ?? NETCONF_DEFAULT, namespace);
}
