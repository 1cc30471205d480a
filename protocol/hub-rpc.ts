/**
 * How the Worker speaks with a node's hub: one upgrade request for sockets, and a few methods.
 *
 * The Worker authenticates; the hub believes the identity header only because the Worker builds the upgrade request
 * anew and never copies the client's headers into it.
 */
import { z } from "zod";
import type { ErrorCode } from "./errors.ts";
import type { AgentOperation } from "./frames/hub-to-agent.ts";
import { idSchema } from "./ids.ts";

/** Carries a `HubIdentity` as JSON, set by the Worker alone. */
export const HUB_IDENTITY_HEADER = "x-catalyst-hub-identity";

export const agentIdentitySchema = z.object({
  role: z.literal("agent"),
  nodeId: idSchema,
  /** The spec generation in Postgres at the time of the connection. */
  specGeneration: z.number().int().nonnegative(),
});

export const viewerIdentitySchema = z.object({
  role: z.literal("viewer"),
  nodeId: idSchema,
  serverId: idSchema,
  userId: idSchema,
  /** Session or API key: what a revocation names. */
  credentialId: idSchema,
  /** Server permissions, or `["*"]` for the owner and administrators. `node.view_stats` adds health reports. */
  permissions: z.array(z.string()),
  /** When the credential ends; the socket ends with it. */
  expiresAt: z.number().int(),
  /** Staff, who may go on looking while the server is suspended. */
  seesSuspended: z.boolean().default(false),
  /** Offset after the last byte the client holds, when it comes back. */
  from: z.number().int().nonnegative().nullable(),
  /** Last known state in Postgres, told to the viewer at once when the hub knows none newer. */
  state: z.string(),
});

export const hubIdentitySchema = z.discriminatedUnion("role", [agentIdentitySchema, viewerIdentitySchema]);
export type AgentIdentity = z.infer<typeof agentIdentitySchema>;
export type ViewerIdentity = z.infer<typeof viewerIdentitySchema>;
export type HubIdentity = z.infer<typeof hubIdentitySchema>;

export type HubReply = { ok: true; data: unknown } | { ok: false; code: ErrorCode; error: string };

/** Which sockets a revocation ends; every given field must match. */
export interface RevocationFilter {
  userId?: string;
  credentialId?: string;
  serverId?: string;
  seesSuspended?: boolean;
}

export interface HubStatus {
  agentConnected: boolean;
  epoch: number;
  agentVersion: string | null;
  runtime: string | null;
  viewerCount: number;
  /** State events not yet in Postgres. */
  outboxDepth: number;
}

/** The methods of a NodeHub that the Worker calls. */
export interface NodeHubRpc {
  /** Sends an operation to the agent and waits for its answer; `NODE_OFFLINE` at once when no agent is connected. */
  request(operation: AgentOperation, requestId: string, deadlineMs: number): Promise<HubReply>;
  /** Tells the hub, and through it the agent, the spec's new generation. */
  setSpecGeneration(generation: number): Promise<void>;
  /** Ends matching viewer sockets with a `bye`; returns how many. */
  revoke(filter: RevocationFilter, closeCode: number, reason: string): Promise<number>;
  /** Ends the agent's socket, for example when the node's secret was rotated or the node deleted. */
  disconnectAgent(reason: string): Promise<void>;
  status(): Promise<HubStatus>;
}
