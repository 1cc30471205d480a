/** A real hub on workerd, and the first steps of most tests with it. */
import { env } from "cloudflare:workers";
import type { ViewerIdentity } from "../../protocol/hub-rpc.ts";
import type { Env } from "../../worker/env.ts";
import { agentIdentity, hello, NODE_ID, SERVER_ID, viewerIdentity } from "./frames.ts";
import { connect, type TestSocket } from "./test-socket.ts";

export function hub(nodeId: string = NODE_ID) {
  return (env as unknown as Env).NODE_HUB.getByName(nodeId);
}

/** An agent that said hello and was welcomed. */
export async function readyAgent(): Promise<TestSocket> {
  const agent = await connect(hub(), agentIdentity());
  agent.send(hello);
  await agent.take("welcome");
  return agent;
}

/** A viewer that goes on live at `offset`, with nothing replayed. */
export async function liveViewer(
  agent: TestSocket,
  offset = 0,
  change: Partial<ViewerIdentity> = {},
): Promise<TestSocket> {
  // Behind this pong nothing of earlier viewers is under way.
  agent.send({ type: "ping", why: "barrier" });
  await agent.take("pong");
  agent.frames.length = 0;
  const viewer = await connect(hub(), viewerIdentity({ from: offset, ...change }));
  const { requestId } = await agent.take("console_replay");
  const serverId = change.serverId ?? SERVER_ID;
  agent.send({ type: "console_replay_done", requestId, serverId, offset, oldest: 0 });
  await viewer.take("subscribed");
  return viewer;
}
