/** Decides which runtime this node uses. */
import { type AgentConfig, ConfigError } from "../config.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { ProcessRuntime } from "./process/process-runtime.ts";

export interface RuntimeContext {
  config: AgentConfig;
  nodeId: string;
  bootIdentity: string;
  log: Log;
}

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

/** @throws ConfigError when the configured runtime cannot be used. */
export async function chooseRuntime(context: RuntimeContext): Promise<ContainerRuntime> {
  return processRuntime(context);
}
