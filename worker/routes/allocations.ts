import { createRoute, z } from "@hono/zod-openapi";
import { success, successPage } from "../../protocol/api/envelope.ts";
import {
  allocationListQuerySchema,
  allocationSchema,
  createAllocationsBodySchema,
  deleteAllocationsQuerySchema,
  deletedAllocationsSchema,
  updateAllocationBodySchema,
} from "../../protocol/api/nodes.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow } from "../middleware/authenticate.ts";
import {
  createAllocations,
  deleteAllocation,
  deleteAllocations,
  listAllocations,
  updateAllocation,
} from "../services/nodes/allocations.ts";
import { answers, done, donePage, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["nodes"];
const params = z.object({ id: idSchema });
const oneParams = params.extend({ allocationId: idSchema });
const manages = allow("node.manage_allocation");
export const allocationRoutes = newRouter();

allocationRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/nodes/{id}/allocations",
    tags,
    summary: "Addresses and ports of a node",
    middleware: allow("node.read", "node.manage_allocation"),
    request: { params, query: allocationListQuerySchema },
    responses: answers(200, successPage(allocationSchema)),
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    return c.json(donePage(await listAllocations(callerContext(c), id, c.req.valid("query"))), 200);
  },
);

allocationRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/nodes/{id}/allocations",
    tags,
    summary: "Give a node a port or a range of ports",
    middleware: manages,
    request: { params, ...jsonBody(createAllocationsBodySchema) },
    responses: answers(201, success(z.array(allocationSchema))),
  }),
  async (c) => {
    const made = await createAllocations(callerContext(c), c.req.valid("param").id, c.req.valid("json"));
    return c.json(done(made), 201);
  },
);

allocationRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/nodes/{id}/allocations",
    tags,
    summary: "Take a range of ports away from a node; those in use stay",
    middleware: manages,
    request: { params, query: deleteAllocationsQuerySchema },
    responses: answers(200, success(deletedAllocationsSchema)),
  }),
  async (c) => {
    const gone = await deleteAllocations(callerContext(c), c.req.valid("param").id, c.req.valid("query"));
    return c.json(done(gone), 200);
  },
);

allocationRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/nodes/{id}/allocations/{allocationId}",
    tags,
    summary: "Change an allocation's alias and notes",
    middleware: manages,
    request: { params: oneParams, ...jsonBody(updateAllocationBodySchema) },
    responses: answers(200, success(allocationSchema)),
  }),
  async (c) => {
    const { id, allocationId } = c.req.valid("param");
    return c.json(done(await updateAllocation(callerContext(c), id, allocationId, c.req.valid("json"))), 200);
  },
);

allocationRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/nodes/{id}/allocations/{allocationId}",
    tags,
    summary: "Take a free port away from a node",
    middleware: manages,
    request: { params: oneParams },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    const { id, allocationId } = c.req.valid("param");
    await deleteAllocation(callerContext(c), id, allocationId);
    return c.json(done(null), 200);
  },
);
