/** Identities and frames for tests. */
import { encodeConsoleEnvelope } from "../../protocol/console-envelope.ts";
import type { ServerStateEvent } from "../../protocol/frames/shared.ts";
import type { AgentIdentity, ViewerIdentity } from "../../protocol/hub-rpc.ts";
import type { CrashEntry } from "../node-hub/outbox.ts";

export const NODE_ID = "node-1";
export const SERVER_ID = "survival";

export const hello = {
  type: "hello",
  protocol: 1,
  agentVersion: "0.1.0",
  bootId: "boot-1",
  appliedGeneration: 0,
  runtime: "process",
} as const;

export function agentIdentity(change: Partial<AgentIdentity> = {}): AgentIdentity {
  return { role: "agent", nodeId: NODE_ID, specGeneration: 7, ...change };
}

export function viewerIdentity(change: Partial<ViewerIdentity> = {}): ViewerIdentity {
  return {
    role: "viewer",
    nodeId: NODE_ID,
    serverId: SERVER_ID,
    userId: "user-1",
    credentialId: "session-1",
    permissions: ["*"],
    seesSuspended: false,
    expiresAt: 4_102_444_800_000,
    from: null,
    state: "running",
    ...change,
  };
}

/** A console frame as the agent sends it; `text` is ASCII, so its length is its bytes. */
export function consoleFrame(
  offset: number,
  text: string,
  requestId: string | null = null,
  serverId = SERVER_ID,
): string {
  const payload = JSON.stringify({
    type: "console_output",
    serverId,
    stream: "stdout",
    data: text,
    offset,
    bytes: text.length,
    timestamp: 1,
  });
  return encodeConsoleEnvelope({ serverId, offset, bytes: text.length, requestId, payload });
}

export function stateEvent(seq: number, change: Partial<ServerStateEvent> = {}): ServerStateEvent {
  return {
    type: "server_state",
    seq,
    serverId: SERVER_ID,
    state: "running",
    reason: null,
    exitCode: null,
    signal: null,
    oomKilled: false,
    crashCount: 0,
    startedAt: null,
    desiredPower: "running",
    desiredPowerAt: 1_000,
    installedGeneration: 1,
    timestamp: 1_795_513_260_000,
    ...change,
  };
}

export function crashEntry(seq: number, change: Partial<CrashEntry> = {}): CrashEntry {
  return {
    serverId: SERVER_ID,
    seq,
    id: `crash-${seq}`,
    at: 1_795_513_260_000 + seq,
    exitCode: 42,
    signal: null,
    oomKilled: false,
    runTimeMs: 60_000,
    crashCount: seq,
    restartAt: null,
    lastLines: `panic ${seq}`,
    ...change,
  };
}
