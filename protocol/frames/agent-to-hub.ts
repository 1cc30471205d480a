import { z } from "zod";
import { correlationIdSchema, idSchema } from "../ids.ts";
import {
  byteCountSchema,
  errorCodeSchema,
  healthReportSchema,
  resourceStatsSchema,
  serverStateEventSchema,
} from "./shared.ts";

/** First frame on every connection. */
export const helloSchema = z.object({
  type: z.literal("hello"),
  protocol: z.number().int().positive(),
  agentVersion: z.string().max(64),
  /** New at every start of the agent process: tells a reconnect from a restart. */
  bootId: correlationIdSchema,
  /** The spec generation last applied; the hub answers with the current one. */
  appliedGeneration: z.number().int().nonnegative(),
  runtime: z.enum(["nerdctl", "process"]),
});

/** Ends a replay: every console frame with this `requestId` has been sent, and live text goes on at `offset`. */
export const consoleReplayDoneSchema = z.object({
  type: z.literal("console_replay_done"),
  requestId: correlationIdSchema,
  serverId: idSchema,
  offset: byteCountSchema,
  /** The oldest offset that the history route can still give. */
  oldest: byteCountSchema,
});

/**
 * Text that the agent did not send: `[from, to)` is in the log as long as it is kept.
 * With `requestId` it belongs to a replay, otherwise to the live stream.
 */
export const agentConsoleGapSchema = z.object({
  type: z.literal("console_gap"),
  serverId: idSchema,
  from: byteCountSchema,
  to: byteCountSchema,
  requestId: correlationIdSchema.optional(),
});

/** The answer to a `request` frame, exactly one each. */
export const responseSchema = z.discriminatedUnion("ok", [
  z.object({ type: z.literal("response"), requestId: correlationIdSchema, ok: z.literal(true), data: z.unknown() }),
  z.object({
    type: z.literal("response"),
    requestId: correlationIdSchema,
    ok: z.literal(false),
    code: errorCodeSchema,
    error: z.string().max(1000),
  }),
]);
export type AgentResponse = z.infer<typeof responseSchema>;

export const pingSchema = z.object({ type: z.literal("ping") });

/** Everything an agent may send, besides the console envelope (see `console-envelope.ts`). */
export const agentToHubSchema = z.union([
  z.discriminatedUnion("type", [
    helloSchema,
    serverStateEventSchema,
    consoleReplayDoneSchema,
    agentConsoleGapSchema,
    resourceStatsSchema,
    healthReportSchema,
    pingSchema,
  ]),
  responseSchema,
]);
export type AgentToHub = z.infer<typeof agentToHubSchema>;
