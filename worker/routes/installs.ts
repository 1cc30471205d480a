import { createRoute, z } from "@hono/zod-openapi";
import { powerReplySchema } from "../../protocol/agent-replies.ts";
import { success } from "../../protocol/api/envelope.ts";
import { reinstallBodySchema, serverDetailSchema } from "../../protocol/api/servers.ts";
import { idSchema } from "../../protocol/ids.ts";
import { serverContext } from "../context.ts";
import { onServer } from "../middleware/authenticate.ts";
import { cancelInstall } from "../services/servers/cancel-install.ts";
import { refreshImage } from "../services/servers/refresh-image.ts";
import { reinstallServer } from "../services/servers/reinstall.ts";
import { answers, done, newRouter } from "./contract.ts";

const tags = ["servers"];
const params = z.object({ id: idSchema });
export const installRoutes = newRouter();

installRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/reinstall",
    tags,
    summary:
      "Install again, from the template as it is today; with `wipe` all files are deleted first (needs `file.delete`)",
    middleware: onServer("server.reinstall"),
    request: {
      params,
      body: { content: { "application/json": { schema: reinstallBodySchema.default({ wipe: false }) } } },
    },
    responses: answers(202, success(serverDetailSchema)),
  }),
  async (c) => {
    const body = reinstallBodySchema.parse(c.req.valid("json") ?? {});
    return c.json(done(await reinstallServer(serverContext(c), body)), 202);
  },
);

installRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/install",
    tags,
    summary: "Install again and keep all files that the install script does not replace",
    middleware: onServer("server.reinstall"),
    request: { params },
    responses: answers(202, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await reinstallServer(serverContext(c), { wipe: false })), 202),
);

installRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/install/cancel",
    tags,
    summary: "End an install that is under way",
    middleware: onServer("server.reinstall"),
    request: { params },
    responses: answers(202, success(powerReplySchema)),
  }),
  async (c) => c.json(done(await cancelInstall(serverContext(c))), 202),
);

installRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/image/refresh",
    tags,
    summary: "Fetch the newest image of the same name with the next start",
    middleware: onServer("startup.image"),
    request: { params },
    responses: answers(202, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await refreshImage(serverContext(c))), 202),
);
