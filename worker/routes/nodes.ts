import { createRoute, z } from "@hono/zod-openapi";
import { healthReplySchema } from "../../protocol/agent-replies.ts";
import { listQuerySchema, success, successPage } from "../../protocol/api/envelope.ts";
import {
  createdNodeSchema,
  createNodeBodySchema,
  deploymentTokenReplySchema,
  nodeDetailSchema,
  nodeModeBodySchema,
  nodeSchema,
  nodeSecretReplySchema,
  rotateSecretBodySchema,
  updateAgentReplySchema,
  updateNodeBodySchema,
} from "../../protocol/api/nodes.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow } from "../middleware/authenticate.ts";
import { createNode } from "../services/nodes/create.ts";
import { deleteNode } from "../services/nodes/delete.ts";
import { createDeploymentToken } from "../services/nodes/deployment-token.ts";
import { checkNode } from "../services/nodes/findings.ts";
import { getNode, listNodes } from "../services/nodes/read.ts";
import { rotateNodeSecret } from "../services/nodes/rotate-secret.ts";
import { setNodeMode } from "../services/nodes/set-mode.ts";
import { nodeStats } from "../services/nodes/stats.ts";
import { updateNode } from "../services/nodes/update.ts";
import { updateAgent } from "../services/nodes/update-agent.ts";
import { answers, done, donePage, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["nodes"];
const params = z.object({ id: idSchema });
export const nodeRoutes = newRouter();

// Whoever may create a server has to choose a node for it, so they may see the nodes too.
const seesNodes = allow("node.read", "server.create");

nodeRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/nodes",
    tags,
    summary: "List nodes",
    middleware: seesNodes,
    request: { query: listQuerySchema },
    responses: answers(200, successPage(nodeSchema)),
  }),
  async (c) => c.json(donePage(await listNodes(callerContext(c), c.req.valid("query"))), 200),
);

nodeRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes",
    tags,
    summary: "Create a node; its secret is in this answer alone",
    middleware: allow("node.create"),
    request: jsonBody(createNodeBodySchema),
    responses: answers(201, success(createdNodeSchema)),
  }),
  async (c) => c.json(done(await createNode(callerContext(c), c.req.valid("json"))), 201),
);

nodeRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/nodes/{id}",
    tags,
    summary: "One node",
    middleware: seesNodes,
    request: { params },
    responses: answers(200, success(nodeDetailSchema)),
  }),
  async (c) => c.json(done(await getNode(callerContext(c), c.req.valid("param").id)), 200),
);

for (const method of ["put", "patch"] as const) {
  nodeRoutes.openapi(
    createRoute({
      method,
      path: "/api/nodes/{id}",
      tags,
      summary: "Change a node",
      middleware: allow("node.update"),
      request: { params, ...jsonBody(updateNodeBodySchema) },
      responses: answers(200, success(nodeDetailSchema)),
    }),
    async (c) => c.json(done(await updateNode(callerContext(c), c.req.valid("param").id, c.req.valid("json"))), 200),
  );
}

nodeRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/nodes/{id}",
    tags,
    summary: "Delete a node that has no servers",
    middleware: allow("node.delete"),
    request: { params },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deleteNode(callerContext(c), c.req.valid("param").id);
    return c.json(done(null), 200);
  },
);

nodeRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes/{id}/deployment-token",
    tags,
    summary: "Make a token that enrols one machine as this node within an hour",
    middleware: allow("node.update"),
    request: { params },
    responses: answers(201, success(deploymentTokenReplySchema)),
  }),
  async (c) => c.json(done(await createDeploymentToken(callerContext(c), c.req.valid("param").id)), 201),
);

nodeRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes/{id}/rotate-secret",
    tags,
    summary: "Give the node a new secret",
    middleware: allow("node.update"),
    request: { params, body: { content: { "application/json": { schema: rotateSecretBodySchema } } } },
    responses: answers(200, success(nodeSecretReplySchema)),
  }),
  async (c) => {
    const { graceSeconds } = rotateSecretBodySchema.parse(c.req.valid("json") ?? undefined);
    return c.json(done(await rotateNodeSecret(callerContext(c), c.req.valid("param").id, graceSeconds)), 200);
  },
);

nodeRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes/{id}/mode",
    tags,
    summary: "Drain the node, put it under maintenance, or make it active again",
    middleware: allow("node.update"),
    request: { params, ...jsonBody(nodeModeBodySchema) },
    responses: answers(200, success(nodeSchema)),
  }),
  async (c) => c.json(done(await setNodeMode(callerContext(c), c.req.valid("param").id, c.req.valid("json"))), 200),
);

nodeRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/nodes/{id}/stats",
    tags,
    summary: "The node's health at this moment, asked of its agent",
    middleware: allow("node.view_stats"),
    request: { params },
    responses: answers(200, success(healthReplySchema)),
  }),
  async (c) => c.json(done(await nodeStats(callerContext(c), c.req.valid("param").id)), 200),
);

nodeRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes/{id}/preflight",
    tags,
    summary: "Check the node's health now: programs and their versions, kernel, disk, clock",
    middleware: allow("node.view_stats", "node.update"),
    request: { params },
    responses: answers(200, success(nodeDetailSchema)),
  }),
  async (c) => c.json(done(await checkNode(callerContext(c), c.req.valid("param").id)), 200),
);

nodeRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes/{id}/update-agent",
    tags,
    summary: "Have the node's agent become the build that this panel serves; game servers go on running",
    middleware: allow("node.update"),
    request: { params },
    responses: answers(202, success(updateAgentReplySchema)),
  }),
  async (c) => c.json(done(await updateAgent(callerContext(c), c.req.valid("param").id)), 202),
);
