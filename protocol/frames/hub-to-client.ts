import { z } from "zod";
import { correlationIdSchema, idSchema } from "../ids.ts";
import { pendingChangesSchema } from "../resource-limits.ts";
import { serverStateSchema } from "../server-state.ts";
import { byeSchema, errorFrameSchema, pongSchema } from "./hub-to-agent.ts";
import { byteCountSchema, epochMsSchema, errorCodeSchema, healthReportSchema, resourceStatsSchema } from "./shared.ts";

export const clientHandshakeResponseSchema = z.object({
  type: z.literal("client_handshake_response"),
  success: z.boolean(),
  error: z.string().optional(),
});

const consoleText = {
  serverId: idSchema,
  stream: z.enum(["stdout", "stderr", "system"]),
  /** Whole lines where it can, never half a UTF-8 character. Bytes that are not UTF-8 read as U+FFFD. */
  data: z.string(),
  offset: byteCountSchema,
  /** Length in bytes of the log; invalid UTF-8 makes it differ from the text's own. */
  bytes: byteCountSchema,
  timestamp: epochMsSchema,
};
export const consoleOutputSchema = z.object({ type: z.literal("console_output"), ...consoleText });
export type ConsoleOutput = z.infer<typeof consoleOutputSchema>;
/** Console text written while the server is being installed: the same log, the same offsets. */
export const installOutputSchema = z.object({ type: z.literal("install_output"), ...consoleText });

/** `[from, to)` was not sent to this client; `GET /api/servers/:id/logs` has it as long as the log is kept. */
export const consoleGapSchema = z.object({
  type: z.literal("console_gap"),
  serverId: idSchema,
  from: byteCountSchema,
  to: byteCountSchema,
});

/** Answer to `subscribe` once the replay has been sent. */
export const subscribedSchema = z.object({
  type: z.literal("subscribed"),
  serverId: idSchema,
  /** Live text goes on here. */
  offset: byteCountSchema,
  oldest: byteCountSchema,
});

export const serverStateUpdateSchema = z.object({
  type: z.literal("server_state_update"),
  serverId: idSchema,
  state: serverStateSchema,
  reason: z.string().nullable(),
  exitCode: z.number().int().nullable().optional(),
  signal: z.string().nullable().optional(),
  oomKilled: z.boolean().optional(),
  startedAt: epochMsSchema.nullable().optional(),
  /** When the node starts it again by itself; null when it does not. */
  restartAt: epochMsSchema.nullable().optional(),
  /** Since the last manual start or reset. */
  crashCount: z.number().int().nonnegative().optional(),
  /** Changes that wait for the next start. */
  pendingRestart: pendingChangesSchema.optional(),
  timestamp: epochMsSchema,
});

/** The agent of this server's node came or went. */
export const nodeStatusSchema = z.object({ type: z.literal("node_status"), nodeId: idSchema, online: z.boolean() });

export const commandResultSchema = z.object({
  type: z.literal("command_result"),
  commandId: correlationIdSchema,
  ok: z.boolean(),
  code: errorCodeSchema.optional(),
  error: z.string().optional(),
});

export const hubToClientSchema = z.discriminatedUnion("type", [
  clientHandshakeResponseSchema,
  consoleOutputSchema,
  installOutputSchema,
  consoleGapSchema,
  subscribedSchema,
  serverStateUpdateSchema,
  nodeStatusSchema,
  resourceStatsSchema,
  healthReportSchema,
  commandResultSchema,
  errorFrameSchema,
  byeSchema,
  pongSchema,
]);
export type HubToClient = z.infer<typeof hubToClientSchema>;
