import { v7 as uuidv7 } from "uuid";
import type { AgentOperation } from "../../protocol/frames/hub-to-agent.ts";
import { AGENT_REQUEST_DEADLINE_MS } from "../../protocol/limits.ts";
import type { RequestContext } from "../context.ts";
import { Refusal } from "../errors.ts";
import { logFault } from "../log.ts";

/** The hub answers by its own deadline; this much later the Worker stops waiting for the hub. */
const HUB_GRACE_MS = 2_000;

/**
 * Asks a node's agent for something and waits for its answer.
 *
 * @returns the agent's data, to be validated by the caller
 * @throws Refusal NODE_OFFLINE, AGENT_TIMEOUT, or what the agent answered
 */
export async function askAgent(
  ctx: RequestContext,
  nodeId: string,
  operation: AgentOperation,
  deadlineMs = AGENT_REQUEST_DEADLINE_MS,
): Promise<unknown> {
  // Two requests may carry the same X-Request-Id; what the hub correlates by must be unique.
  const requestId = `${ctx.requestId}:${uuidv7()}`;
  const asked = ctx.hubs.of(nodeId).request(operation, requestId, deadlineMs);
  const reply = await within(deadlineMs + HUB_GRACE_MS, asked).catch((error: unknown) => {
    logFault("hub request failed", ctx.requestId, error);
    throw new Refusal("AGENT_TIMEOUT", "The node's hub did not answer. Try again.");
  });
  if (reply === "timeout") throw new Refusal("AGENT_TIMEOUT", "The node did not answer in time.");
  if (reply.ok) return reply.data;
  throw new Refusal(reply.code, reply.error);
}

async function within<T>(deadlineMs: number, work: Promise<T>): Promise<T | "timeout"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<"timeout">((resolve) => {
    timer = setTimeout(() => resolve("timeout"), deadlineMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
