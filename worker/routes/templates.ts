import { createRoute, z } from "@hono/zod-openapi";
import { listQuerySchema, success, successPage } from "../../protocol/api/envelope.ts";
import {
  createTemplateBodySchema,
  templateRecordSchema,
  updateTemplateBodySchema,
} from "../../protocol/api/templates.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow } from "../middleware/authenticate.ts";
import {
  createTemplate,
  deleteTemplate,
  getTemplate,
  listTemplates,
  updateTemplate,
} from "../services/templates/templates.ts";
import { answers, done, donePage, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["templates"];
const params = z.object({ id: idSchema });
export const templateRoutes = newRouter();

templateRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/templates",
    tags,
    summary: "List templates",
    request: { query: listQuerySchema },
    responses: answers(200, successPage(templateRecordSchema)),
  }),
  async (c) => c.json(donePage(await listTemplates(c.get("ctx"), c.req.valid("query"))), 200),
);

templateRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/templates/{id}",
    tags,
    summary: "One template",
    request: { params },
    responses: answers(200, success(templateRecordSchema)),
  }),
  async (c) => c.json(done(await getTemplate(c.get("ctx"), c.req.valid("param").id)), 200),
);

templateRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/templates",
    tags,
    summary: "Create a template",
    middleware: allow("template.create"),
    request: jsonBody(createTemplateBodySchema),
    responses: answers(201, success(templateRecordSchema)),
  }),
  async (c) => c.json(done(await createTemplate(callerContext(c), c.req.valid("json"))), 201),
);

templateRoutes.openapi(
  createRoute({
    method: "put",
    path: "/api/templates/{id}",
    tags,
    summary: "Replace a template",
    middleware: allow("template.update"),
    request: { params, ...jsonBody(updateTemplateBodySchema) },
    responses: answers(200, success(templateRecordSchema)),
  }),
  async (c) => {
    const template = await updateTemplate(callerContext(c), c.req.valid("param").id, c.req.valid("json"));
    return c.json(done(template), 200);
  },
);

templateRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/templates/{id}",
    tags,
    summary: "Delete a template that no server uses",
    middleware: allow("template.delete"),
    request: { params },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deleteTemplate(callerContext(c), c.req.valid("param").id);
    return c.json(done(null), 200);
  },
);
