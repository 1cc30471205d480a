/** The one agent of a node, as its socket's attachment keeps it. */
import type { SocketId } from "./socket-id.ts";

export interface AgentConnection {
  readonly id: SocketId;
  /** Fences frames: only the socket whose epoch is the newest is listened to. */
  readonly epoch: number;
  readonly connectedAt: number;
  /** True after `hello`. */
  isReady: boolean;
  badFrames: number;
  /** When its last frame came; keep-alive pings are answered by the runtime and seen by its own timestamp. */
  heardAt: number;
}

export interface AgentAttachment {
  role: "agent";
  version: 1;
  id: SocketId;
  epoch: number;
  connectedAt: number;
  isReady: boolean;
  badFrames: number;
}

export function agentAttachment(agent: AgentConnection): AgentAttachment {
  const { heardAt: _heardAt, ...kept } = agent;
  return { role: "agent", version: 1, ...kept };
}

export function agentFromAttachment(attachment: AgentAttachment): AgentConnection {
  const { role: _role, version: _version, ...kept } = attachment;
  return { ...kept, heardAt: attachment.connectedAt };
}
