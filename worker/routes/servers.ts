import { createRoute, z } from "@hono/zod-openapi";
import { auditEntrySchema } from "../../protocol/api/audit.ts";
import { listQuerySchema, success, successPage } from "../../protocol/api/envelope.ts";
import {
  commandBodySchema,
  createServerBodySchema,
  logsQuerySchema,
  logsReplySchema,
  powerBodySchema,
  powerResultSchema,
  restartPolicyBodySchema,
  serverCrashSchema,
  serverDetailSchema,
  serverListQuerySchema,
  serverSchema,
  statsReplySchema,
  updateServerBodySchema,
} from "../../protocol/api/servers.ts";
import { idSchema } from "../../protocol/ids.ts";
import { POWER_ACTIONS } from "../../protocol/server-state.ts";
import { callerContext, serverContext } from "../context.ts";
import { allow, onServer, withCredential } from "../middleware/authenticate.ts";
import { touchApiKey } from "../services/api-keys/touch.ts";
import { serverActivity } from "../services/servers/activity.ts";
import { readLogs, sendCommand, serverStats } from "../services/servers/console.ts";
import { createServer } from "../services/servers/create.ts";
import { deleteServer } from "../services/servers/delete.ts";
import { getServer } from "../services/servers/get.ts";
import { listServers } from "../services/servers/list.ts";
import { listCrashes } from "../services/servers/list-crashes.ts";
import { setPower } from "../services/servers/power.ts";
import { resetCrashCount } from "../services/servers/reset-crash-count.ts";
import { setRestartPolicy } from "../services/servers/set-restart-policy.ts";
import { updateServer } from "../services/servers/update.ts";
import { answers, done, donePage, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["servers"];
const params = z.object({ id: idSchema });
export const serverRoutes = newRouter();

serverRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers",
    tags,
    summary: "List the servers that one may see",
    middleware: withCredential,
    request: { query: serverListQuerySchema },
    responses: answers(200, successPage(serverSchema)),
  }),
  async (c) => {
    const { caller, ...page } = await listServers(c.get("ctx"), c.get("credential")!, c.req.valid("query"));
    touchApiKey({ ...c.get("ctx"), caller });
    return c.json(donePage(page), 200);
  },
);

serverRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers",
    tags,
    summary: "Create a server",
    middleware: allow("server.create"),
    request: jsonBody(createServerBodySchema),
    responses: answers(201, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await createServer(callerContext(c), c.req.valid("json"))), 201),
);

serverRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}",
    tags,
    summary: "One server",
    middleware: onServer("server.read"),
    request: { params },
    responses: answers(200, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await getServer(serverContext(c))), 200),
);

for (const method of ["put", "patch"] as const) {
  serverRoutes.openapi(
    createRoute({
      method,
      path: "/api/servers/{id}",
      tags,
      summary: "Change a server; each field needs its own permission",
      middleware: onServer("server.read"),
      request: { params, ...jsonBody(updateServerBodySchema) },
      responses: answers(200, success(serverDetailSchema)),
    }),
    async (c) => c.json(done(await updateServer(serverContext(c), c.req.valid("json"))), 200),
  );
}

serverRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/servers/{id}",
    tags,
    summary: "Delete a server and its files; `force=true` when its node is gone",
    middleware: onServer("server.read"),
    request: { params, query: z.object({ force: z.enum(["true", "false"]).default("false") }) },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deleteServer(serverContext(c), c.req.valid("query").force === "true");
    return c.json(done(null), 200);
  },
);

for (const action of POWER_ACTIONS) {
  serverRoutes.openapi(
    createRoute({
      method: "post",
      path: `/api/servers/{id}/${action}`,
      tags,
      summary: `Ask the node to ${action} the server`,
      middleware: onServer(`server.${action}`),
      request: { params, body: { content: { "application/json": { schema: powerBodySchema } } } },
      responses: answers(202, success(powerResultSchema)),
    }),
    async (c) => {
      const { commandId } = powerBodySchema.parse(c.req.valid("json") ?? {});
      return c.json(done(await setPower(serverContext(c), action, commandId)), 202);
    },
  );
}

serverRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/servers/{id}/restart-policy",
    tags,
    summary: "What the node does when the game ends by itself, and after how many crashes it gives up",
    middleware: onServer("startup.update"),
    request: { params, ...jsonBody(restartPolicyBodySchema) },
    responses: answers(200, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await setRestartPolicy(serverContext(c), c.req.valid("json"))), 200),
);

serverRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/reset-crash-count",
    tags,
    summary: "Forget the crashes so far: the crash limit counts from here on",
    middleware: onServer("server.restart"),
    request: { params },
    responses: answers(200, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await resetCrashCount(serverContext(c))), 200),
);

serverRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/crashes",
    tags,
    summary: "The newest crashes, each with how it ended and the console's last lines",
    middleware: onServer("server.read"),
    request: { params, query: listQuerySchema },
    responses: answers(200, successPage(serverCrashSchema)),
  }),
  async (c) => c.json(donePage(await listCrashes(serverContext(c), c.req.valid("query"))), 200),
);

serverRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/command",
    tags,
    summary: "Type a line into the console",
    middleware: onServer("console.write"),
    request: { params, ...jsonBody(commandBodySchema) },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await sendCommand(serverContext(c), c.req.valid("json").command);
    return c.json(done(null), 200);
  },
);

serverRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/logs",
    tags,
    summary: "Console history by byte offset; the tail without `from`",
    middleware: onServer("console.read"),
    request: { params, query: logsQuerySchema },
    responses: answers(200, success(logsReplySchema)),
  }),
  async (c) => c.json(done(await readLogs(serverContext(c), c.req.valid("query"))), 200),
);

serverRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/stats",
    tags,
    summary: "CPU, memory, network and disk at this moment",
    middleware: onServer("server.read"),
    request: { params },
    responses: answers(200, success(statsReplySchema)),
  }),
  async (c) => c.json(done(await serverStats(serverContext(c))), 200),
);

serverRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/activity",
    tags,
    summary: "What was done with this server, newest first",
    middleware: onServer("activity.read"),
    request: { params, query: listQuerySchema },
    responses: answers(200, successPage(auditEntrySchema)),
  }),
  async (c) => c.json(donePage(await serverActivity(serverContext(c), c.req.valid("query"))), 200),
);
