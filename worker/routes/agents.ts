import { createRoute } from "@hono/zod-openapi";
import { success } from "../../protocol/api/envelope.ts";
import { agentReportBodySchema, enrollBodySchema, enrollReplySchema } from "../../protocol/api/nodes.ts";
import { nodeSpecSchema } from "../../protocol/spec.ts";
import { invalid } from "../errors.ts";
import { identifyAgent } from "../services/nodes/agent-identity.ts";
import { enroll } from "../services/nodes/enroll.ts";
import { keepFindings } from "../services/nodes/findings.ts";
import { nodeSpec } from "../services/nodes/spec.ts";
import { keepUpdateFailure } from "../services/nodes/update-agent.ts";
import { answers, done, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["agents"];
/** What agents call. They prove themselves by their node's secret, never by a user's credential. */
export const agentRoutes = newRouter();

agentRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/agent/enroll",
    tags,
    summary: "Turn a deployment token into a node's secret, once",
    request: jsonBody(enrollBodySchema),
    responses: answers(201, success(enrollReplySchema)),
  }),
  async (c) => c.json(done(await enroll(c.get("ctx"), c.req.valid("json"))), 201),
);

agentRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/agent/spec",
    tags,
    summary: "Everything the node shall run",
    responses: answers(200, success(nodeSpecSchema)),
  }),
  async (c) => {
    const agent = await identifyAgent(c.get("ctx"), c.req.raw.headers);
    return c.json(done(await nodeSpec(agent)), 200);
  },
);

agentRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/agent/report",
    tags,
    summary: "What an agent tells by itself: what its health check found, an update that failed",
    request: jsonBody(agentReportBodySchema),
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    const agent = await identifyAgent(c.get("ctx"), c.req.raw.headers);
    const { preflight, updateFailure } = c.req.valid("json");
    if (updateFailure) await keepUpdateFailure(agent, updateFailure);
    if (preflight) await keepFindings(agent, preflight);
    return c.json(done(null), 200);
  },
);

/** The upgrade itself: refused with a plain 401 before any socket, because an agent can read a status. */
agentRoutes.get("/api/agent/connect", async (c) => {
  const agent = await identifyAgent(c.get("ctx"), c.req.raw.headers);
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw invalid("Upgrade", "this address only speaks WebSocket");
  }
  const { nodeId, specGeneration } = agent;
  return await agent.hubs.of(nodeId).connect({ role: "agent", nodeId, specGeneration });
});
