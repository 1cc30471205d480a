/** Decides which runtime this node uses. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AgentConfig, ConfigError } from "../config.ts";
import type { Log } from "../log.ts";
import { writeFileAtomic } from "../records/atomic-file.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { NerdctlRuntime } from "./nerdctl/nerdctl-runtime.ts";
import { panelName } from "./nerdctl/ownership.ts";
import { ProcessRuntime } from "./process/process-runtime.ts";

export interface RuntimeContext {
  config: AgentConfig;
  nodeId: string;
  bootIdentity: string;
  log: Log;
}

type RuntimeName = ContainerRuntime["name"];

export const ISOLATES_NOTHING =
  "The process runtime isolates nothing: games run as this user, see the whole machine, and their limits are not enforced.";

function processRuntime({ config, bootIdentity, log }: RuntimeContext): ContainerRuntime {
  if (process.env.NODE_ENV === "production" && !config.agent.allow_process_runtime) {
    throw new ConfigError(
      `${ISOLATES_NOTHING} In production set agent.allow_process_runtime = true to use it nevertheless, or install containerd and nerdctl.`,
    );
  }
  log.warn(ISOLATES_NOTHING);
  return new ProcessRuntime({ dataDir: config.agent.data_dir, bootIdentity, log });
}

function nerdctlRuntime({ config, nodeId, log }: RuntimeContext): ContainerRuntime {
  const { binary, address, namespace, data_root, cni_path, cni_netconfpath } = config.nerdctl;
  return new NerdctlRuntime({
    nodeId,
    panel: panelName(config.panel.url),
    dataDir: config.agent.data_dir,
    log,
    binary,
    address,
    namespace,
    dataRoot: data_root,
    cniPath: cni_path,
    cniNetconfPath: cni_netconfpath,
    privateRange: config.network.private_range,
    hostPorts: config.network.host_ports,
  });
}

const make = (name: RuntimeName, context: RuntimeContext) =>
  name === "process" ? processRuntime(context) : nerdctlRuntime(context);

const decisionFile = (dataDir: string) => join(dataDir, "runtime");

async function earlierDecision(dataDir: string): Promise<RuntimeName | null> {
  const text = await readFile(decisionFile(dataDir), "utf8").catch(() => "");
  const name = text.trim();
  return name === "process" || name === "nerdctl" ? name : null;
}

/** What can be used here, judged by nerdctl's own checks. */
async function decide(context: RuntimeContext): Promise<RuntimeName> {
  const findings = await nerdctlRuntime(context).preflight();
  const errors = findings.filter((finding) => finding.level === "error");
  for (const { subject, message } of errors) context.log.info({ subject, message }, "nerdctl cannot be used");
  return errors.length === 0 ? "nerdctl" : "process";
}

/**
 * `auto` is decided once and then stays: a containerd that comes up late after a boot must not make the node run its
 * games as bare processes.
 *
 * @throws ConfigError when the configured runtime cannot be used.
 */
export async function chooseRuntime(context: RuntimeContext): Promise<ContainerRuntime> {
  const { runtime, data_dir: dataDir } = context.config.agent;
  if (runtime !== "auto") return make(runtime, context);
  const earlier = await earlierDecision(dataDir);
  if (earlier) return make(earlier, context);
  return make(await decide(context), context);
}

/** Makes the decision of `auto` last. */
export async function rememberRuntime(dataDir: string, runtime: ContainerRuntime): Promise<void> {
  if ((await earlierDecision(dataDir)) !== runtime.name) {
    await writeFileAtomic(decisionFile(dataDir), `${runtime.name}\n`, 0o644);
  }
}
