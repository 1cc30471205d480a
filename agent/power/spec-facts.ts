/** The part of a spec that decides about a server's power. Pure. */
import type { ServerSpec } from "../../protocol/spec.ts";
import { hasScript } from "./install-server.ts";
import type { SpecFacts } from "./power-types.ts";

export function factsOf(spec: ServerSpec): SpecFacts {
  return {
    isSuspended: spec.suspended,
    isHeld: spec.held,
    installGeneration: spec.installGeneration,
    hasInstallWork: hasScript(spec) || spec.wipeGeneration > 0,
    hasReadyPattern: spec.readyPattern !== "",
    desiredPower: spec.desiredPower,
    desiredPowerAt: spec.desiredPowerAt,
    restartPolicy: spec.restartPolicy,
    maxCrashes: spec.maxCrashes,
    crashWindowMs: spec.crashWindowSeconds * 1000,
    crashResetAt: spec.crashResetAt,
  };
}
