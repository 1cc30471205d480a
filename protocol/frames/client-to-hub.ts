import { z } from "zod";
import { correlationIdSchema, idSchema } from "../ids.ts";
import { powerActionSchema } from "../server-state.ts";
import { byteCountSchema } from "./shared.ts";

/** First frame on the general socket `/ws`, unless the browser's cookie introduced it. */
export const clientHandshakeSchema = z.object({ type: z.literal("client_handshake"), token: z.string().max(8192) });

/** Watch a server. `from` is the offset after the last byte the client holds; without it the tail is sent. */
export const subscribeSchema = z.object({
  type: z.literal("subscribe"),
  serverId: idSchema,
  from: byteCountSchema.optional(),
});
export const unsubscribeSchema = z.object({ type: z.literal("unsubscribe"), serverId: idSchema });

export const serverControlSchema = z.object({
  type: z.literal("server_control"),
  serverId: idSchema,
  action: powerActionSchema,
  commandId: correlationIdSchema.optional(),
});

export const consoleInputSchema = z.object({
  type: z.literal("console_input"),
  serverId: idSchema,
  /** One line without its line end. */
  data: z.string(),
});

/** Everything before `offset` has been taken by the client. */
export const consoleAckSchema = z.object({
  type: z.literal("console_ack"),
  serverId: idSchema,
  offset: byteCountSchema,
});

export const clientPingSchema = z.object({ type: z.literal("ping") });

/** What a client may send on `/ws`, and (without the handshake) on the direct console socket. */
export const clientToHubSchema = z.discriminatedUnion("type", [
  clientHandshakeSchema,
  subscribeSchema,
  unsubscribeSchema,
  serverControlSchema,
  consoleInputSchema,
  consoleAckSchema,
  clientPingSchema,
]);
export type ClientToHub = z.infer<typeof clientToHubSchema>;
