/** Asks a game to end: by the line its template names, else by a signal. */
import type { ServerSpec } from "../../protocol/spec.ts";
import { stopSignalOf } from "../../protocol/stop-signal.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime, ServerPaths } from "../runtime/container-runtime.ts";

const DEFAULT_SIGNAL = "SIGTERM";

export interface StopServices {
  runtime: ContainerRuntime;
  log: Log;
  writeInput(paths: ServerPaths, line: string): Promise<void>;
}

export function stopSignal(spec: ServerSpec): string | null {
  if (spec.stopSignal) return spec.stopSignal;
  // An older control plane passes a signal on as it was written.
  return stopSignalOf(spec) ?? (spec.stopCommand.trim() === "" ? DEFAULT_SIGNAL : null);
}

/** @param runId the run to end: by the time a signal is sent, the next one may be there. */
export async function askToStop(
  spec: ServerSpec,
  paths: ServerPaths,
  runId: string | undefined,
  services: StopServices,
): Promise<void> {
  const signal = stopSignal(spec);
  if (signal) return services.runtime.signal(spec.id, signal, runId);
  try {
    await services.writeInput(paths, spec.stopCommand);
  } catch (error) {
    services.log.warn({ serverId: spec.id, err: error }, "the stop command cannot be written, sending a signal");
    await services.runtime.signal(spec.id, DEFAULT_SIGNAL, runId);
  }
}
