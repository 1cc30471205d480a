import { createRoute, z } from "@hono/zod-openapi";
import { apiKeySchema, createApiKeyBodySchema, createdApiKeySchema } from "../../protocol/api/account.ts";
import { success, successPage } from "../../protocol/api/envelope.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { signedInPerson } from "../middleware/authenticate.ts";
import { createApiKey, deleteApiKey, listApiKeys } from "../services/api-keys/api-keys.ts";
import { answers, done, doneAll, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["auth"];
export const apiKeyRoutes = newRouter();

apiKeyRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/auth/api-keys",
    tags,
    summary: "One's own API keys",
    middleware: signedInPerson,
    responses: answers(200, successPage(apiKeySchema)),
  }),
  async (c) => c.json(doneAll(await listApiKeys(callerContext(c))), 200),
);

apiKeyRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/auth/api-keys",
    tags,
    summary: "Make an API key; it is in this answer alone",
    middleware: signedInPerson,
    request: jsonBody(createApiKeyBodySchema),
    responses: answers(201, success(createdApiKeySchema)),
  }),
  async (c) => c.json(done(await createApiKey(callerContext(c), c.req.valid("json"))), 201),
);

apiKeyRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/auth/api-keys/{id}",
    tags,
    summary: "Delete an API key",
    middleware: signedInPerson,
    request: { params: z.object({ id: idSchema }) },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deleteApiKey(callerContext(c), c.req.valid("param").id);
    return c.json(done(null), 200);
  },
);
