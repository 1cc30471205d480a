import { createRoute, z } from "@hono/zod-openapi";
import { createGrantBodySchema, grantSchema, updateGrantBodySchema } from "../../protocol/api/access.ts";
import { success, successPage } from "../../protocol/api/envelope.ts";
import { idSchema } from "../../protocol/ids.ts";
import { serverContext } from "../context.ts";
import { onServer } from "../middleware/authenticate.ts";
import { createGrant, deleteGrant, listGrants, updateGrant } from "../services/access/grants.ts";
import { answers, done, doneAll, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["access"];
const params = z.object({ id: idSchema });
const oneParams = params.extend({ userId: idSchema });
export const accessRoutes = newRouter();

accessRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/access",
    tags,
    summary: "Who else may do what with a server",
    middleware: onServer("access.read"),
    request: { params },
    responses: answers(200, successPage(grantSchema)),
  }),
  async (c) => c.json(doneAll(await listGrants(serverContext(c))), 200),
);

accessRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/access",
    tags,
    summary: "Grant a user access",
    middleware: onServer("access.create"),
    request: { params, ...jsonBody(createGrantBodySchema) },
    responses: answers(201, success(grantSchema)),
  }),
  async (c) => c.json(done(await createGrant(serverContext(c), c.req.valid("json"))), 201),
);

accessRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/servers/{id}/access/{userId}",
    tags,
    summary: "Change what a user may do",
    middleware: onServer("access.update"),
    request: { params: oneParams, ...jsonBody(updateGrantBodySchema) },
    responses: answers(200, success(grantSchema)),
  }),
  async (c) => {
    const grant = await updateGrant(serverContext(c), c.req.valid("param").userId, c.req.valid("json").permissions);
    return c.json(done(grant), 200);
  },
);

accessRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/servers/{id}/access/{userId}",
    tags,
    summary: "Take a user's access away; their sockets end at once",
    middleware: onServer("access.delete"),
    request: { params: oneParams },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deleteGrant(serverContext(c), c.req.valid("param").userId);
    return c.json(done(null), 200);
  },
);
