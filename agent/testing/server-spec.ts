import type { ServerSpec } from "../../protocol/spec.ts";

/** A server that says it is ready, answers each line, and ends on `stop` or `exit N`. */
export const ECHO = `echo ready; while read -r line; do case "$line" in stop) echo bye; exit 0;; "exit "*) exit "\${line#exit }";; *) echo "echo: $line";; esac; done`;

export function serverSpec(change: Partial<ServerSpec> = {}): ServerSpec {
  return {
    id: "echo-1",
    name: "Echo",
    version: 1,
    templateId: "echo",
    image: "echo",
    installImage: "echo",
    installScript: "",
    installTimeoutSeconds: 60,
    installGeneration: 1,
    installAsRoot: true,
    wipeGeneration: 0,
    imageRefreshAt: 0,
    startup: ECHO,
    stopCommand: "stop",
    stopSignal: null,
    stopTimeoutSeconds: 10,
    readyPattern: "ready",
    startTimeoutSeconds: 30,
    environment: {},
    configFiles: [],
    memoryMb: 64,
    cpuCores: 1,
    diskMb: 100,
    pidsLimit: 64,
    networkMode: "host",
    allocations: [{ ip: "127.0.0.1", port: 25565, isPrimary: true }],
    desiredPower: "stopped",
    desiredPowerAt: 0,
    suspended: false,
    restartPolicy: "never",
    maxCrashes: 5,
    crashWindowSeconds: 600,
    crashResetAt: 0,
    held: false,
    memoryHeadroomMb: 0,
    swapMb: 0,
    cpuPinning: null,
    ioWeight: null,
    openFilesLimit: 4096,
    ...change,
  };
}
