import { z } from "zod";
import { agentBuildSchema } from "../agent-update.ts";
import { correlationIdSchema, idSchema } from "../ids.ts";
import { powerActionSchema } from "../server-state.ts";
import { byteCountSchema, epochMsSchema, errorCodeSchema } from "./shared.ts";

/** Answer to `hello`. */
export const welcomeSchema = z.object({
  type: z.literal("welcome"),
  protocol: z.number().int().positive(),
  /** Rises with every accepted agent connection of this node. */
  epoch: z.number().int().positive(),
  specGeneration: z.number().int().nonnegative(),
  /** The last event the hub keeps; the agent may forget events up to it. */
  ackedSeq: z.number().int().nonnegative(),
  serverTime: epochMsSchema,
});

/** A hint that the spec changed. Losing it costs nothing: `welcome` states the generation too. */
export const specChangedSchema = z.object({
  type: z.literal("spec_changed"),
  generation: z.number().int().nonnegative(),
});

/** Events up to `seq` are safe with the hub. */
export const eventAckSchema = z.object({ type: z.literal("event_ack"), seq: z.number().int().nonnegative() });

/** Start the live stream of a server at the log's end. Repeating it is harmless. */
export const consoleOpenSchema = z.object({ type: z.literal("console_open"), serverId: idSchema });
export const consoleCloseSchema = z.object({ type: z.literal("console_close"), serverId: idSchema });
/** Viewers have taken the live text up to `offset`; the agent may be `AGENT_CREDIT_BYTES` ahead of it. */
export const consoleCreditSchema = z.object({
  type: z.literal("console_credit"),
  serverId: idSchema,
  offset: byteCountSchema,
});
/**
 * Send `[from, live position)` with this `requestId`, then `console_replay_done`. `from: null` means the tail.
 * What exceeds `maxBytes` is stated as a `console_gap` first. Because the socket keeps order, the next live frame
 * starts exactly where the replay ended: joining needs no other bookkeeping.
 */
export const consoleReplaySchema = z.object({
  type: z.literal("console_replay"),
  requestId: correlationIdSchema,
  serverId: idSchema,
  from: byteCountSchema.nullable(),
  maxBytes: byteCountSchema,
});

/** The whole set of what is looked at: servers to send `resource_stats` of, and whether to send `health_report`. */
export const watchSchema = z.object({ type: z.literal("watch"), serverIds: z.array(idSchema), health: z.boolean() });

/** What the control plane can ask of an agent; each is answered by one `response`. */
export const agentOperationSchema = z.discriminatedUnion("op", [
  z.object({
    op: z.literal("power"),
    serverId: idSchema,
    action: powerActionSchema,
    /** The same id twice is answered, not repeated. */
    commandId: correlationIdSchema,
    issuedAt: epochMsSchema,
  }),
  /** Answered like `power`; an install that is not under way is refused with CONFLICT. */
  z.object({ op: z.literal("cancel_install"), serverId: idSchema }),
  z.object({ op: z.literal("console_input"), serverId: idSchema, data: z.string() }),
  z.object({
    op: z.literal("logs"),
    serverId: idSchema,
    from: byteCountSchema.nullable(),
    limitBytes: byteCountSchema,
  }),
  z.object({ op: z.literal("stats"), serverId: idSchema }),
  z.object({ op: z.literal("health") }),
  /** Check what games need of the node, now. `serverTime` is what its clock is compared with. */
  z.object({ op: z.literal("preflight"), serverTime: epochMsSchema }),
  /**
   * Become another build. The bundle is fetched from the agent's own panel and must have this SHA-256; game servers go
   * on running. What becomes of it is seen by the build that connects next, or told as an `updateFailure` report.
   */
  z.object({ op: z.literal("update"), updateId: correlationIdSchema, build: agentBuildSchema }),
]);
export type AgentOperation = z.infer<typeof agentOperationSchema>;

export const requestSchema = z.object({
  type: z.literal("request"),
  requestId: correlationIdSchema,
  operation: agentOperationSchema,
});

/** Said before an intended close. */
export const byeSchema = z.object({
  type: z.literal("bye"),
  code: z.number().int(),
  reason: z.string().max(200),
  reconnectAfterMs: z.number().int().nonnegative(),
});
export type Bye = z.infer<typeof byeSchema>;

/** A frame of the peer was refused. */
export const errorFrameSchema = z.object({
  type: z.literal("error"),
  code: errorCodeSchema,
  error: z.string().max(1000),
  requestId: correlationIdSchema.optional(),
});

export const pongSchema = z.object({ type: z.literal("pong") });

export const hubToAgentSchema = z.discriminatedUnion("type", [
  welcomeSchema,
  specChangedSchema,
  eventAckSchema,
  consoleOpenSchema,
  consoleCloseSchema,
  consoleCreditSchema,
  consoleReplaySchema,
  watchSchema,
  requestSchema,
  byeSchema,
  errorFrameSchema,
  pongSchema,
]);
export type HubToAgent = z.infer<typeof hubToAgentSchema>;
