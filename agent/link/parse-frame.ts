/** Reads a frame from the hub. Never throws, whatever came. */
import { z } from "zod";
import { type HubToAgent, hubToAgentSchema } from "../../protocol/frames/hub-to-agent.ts";
import { correlationIdSchema } from "../../protocol/ids.ts";

const requestLikeSchema = z.object({ type: z.literal("request"), requestId: correlationIdSchema });

export type ParsedFrame =
  | { kind: "frame"; frame: HubToAgent }
  /** A request that names itself but asks for nothing this agent knows: it still gets an answer. */
  | { kind: "bad_request"; requestId: string }
  | { kind: "bad" };

export function parseFrame(text: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "bad" };
  }
  const frame = hubToAgentSchema.safeParse(value);
  if (frame.success) return { kind: "frame", frame: frame.data };
  const request = requestLikeSchema.safeParse(value);
  return request.success ? { kind: "bad_request", requestId: request.data.requestId } : { kind: "bad" };
}
