import { createRoute, z } from "@hono/zod-openapi";
import { auditEntrySchema } from "../../protocol/api/audit.ts";
import { listQuerySchema, successPage } from "../../protocol/api/envelope.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow } from "../middleware/authenticate.ts";
import { listAudit } from "../services/audit/list.ts";
import { answers, donePage, newRouter } from "./contract.ts";

export const auditRoutes = newRouter();

const query = listQuerySchema.extend({
  action: z.string().max(100).optional(),
  actorId: idSchema.optional(),
  serverId: idSchema.optional(),
});

auditRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/audit",
    tags: ["audit"],
    summary: "Everything that was changed, newest first",
    middleware: allow("audit.read"),
    request: { query },
    responses: answers(200, successPage(auditEntrySchema)),
  }),
  async (c) => c.json(donePage(await listAudit(callerContext(c), c.req.valid("query"))), 200),
);
