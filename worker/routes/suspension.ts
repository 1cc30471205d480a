import { createRoute, z } from "@hono/zod-openapi";
import { success } from "../../protocol/api/envelope.ts";
import { suspendBodySchema, suspensionReplySchema, unsuspendBodySchema } from "../../protocol/api/servers.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow } from "../middleware/authenticate.ts";
import { suspendServer } from "../services/servers/suspend.ts";
import { unsuspendServer } from "../services/servers/unsuspend.ts";
import { answers, done, newRouter } from "./contract.ts";

const tags = ["servers"];
const params = z.object({ id: idSchema });
export const suspensionRoutes = newRouter();

suspensionRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/suspend",
    tags,
    summary: "Suspend a server: it is stopped, and its users can do nothing with it until it is unsuspended",
    middleware: allow("server.suspend"),
    request: { params, body: { content: { "application/json": { schema: suspendBodySchema } } } },
    responses: answers(200, success(suspensionReplySchema)),
  }),
  async (c) => {
    const { reason } = suspendBodySchema.parse(c.req.valid("json") ?? undefined);
    return c.json(done(await suspendServer(callerContext(c), c.req.valid("param").id, reason ?? null)), 200);
  },
);

suspensionRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/unsuspend",
    tags,
    summary: "End a suspension: the server returns to what it was before",
    middleware: allow("server.suspend"),
    request: { params, body: { content: { "application/json": { schema: unsuspendBodySchema } } } },
    responses: answers(200, success(suspensionReplySchema)),
  }),
  async (c) => c.json(done(await unsuspendServer(callerContext(c), c.req.valid("param").id)), 200),
);
