import { createRoute, z } from "@hono/zod-openapi";
import { listQuerySchema, success, successPage } from "../../protocol/api/envelope.ts";
import {
  createPoolBodySchema,
  poolAddressSchema,
  poolListQuerySchema,
  poolSchema,
  updatePoolBodySchema,
} from "../../protocol/api/pools.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow } from "../middleware/authenticate.ts";
import { createPool } from "../services/pools/create.ts";
import { deletePool } from "../services/pools/delete.ts";
import { getPool, listPoolAddresses, listPools } from "../services/pools/read.ts";
import { updatePool } from "../services/pools/update.ts";
import { answers, done, donePage, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["pools"];
const params = z.object({ id: idSchema });
export const poolRoutes = newRouter();

poolRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/pools",
    tags,
    summary: "IP pools, with how much of each is used",
    middleware: allow("pool.read"),
    request: { query: poolListQuerySchema },
    responses: answers(200, successPage(poolSchema)),
  }),
  async (c) => c.json(donePage(await listPools(callerContext(c), c.req.valid("query"))), 200),
);

poolRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/pools",
    tags,
    summary: "Make a pool of addresses on a node",
    middleware: allow("pool.create"),
    request: jsonBody(createPoolBodySchema),
    responses: answers(201, success(poolSchema)),
  }),
  async (c) => c.json(done(await createPool(callerContext(c), c.req.valid("json"))), 201),
);

poolRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/pools/{id}",
    tags,
    summary: "One pool",
    middleware: allow("pool.read"),
    request: { params },
    responses: answers(200, success(poolSchema)),
  }),
  async (c) => c.json(done(await getPool(callerContext(c), c.req.valid("param").id)), 200),
);

poolRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/pools/{id}/addresses",
    tags,
    summary: "Which server has which address of a pool",
    middleware: allow("pool.read"),
    request: { params, query: listQuerySchema },
    responses: answers(200, successPage(poolAddressSchema)),
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    return c.json(donePage(await listPoolAddresses(callerContext(c), id, c.req.valid("query"))), 200);
  },
);

poolRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/pools/{id}",
    tags,
    summary: "Change a pool; its servers take it at their next start",
    middleware: allow("pool.update"),
    request: { params, ...jsonBody(updatePoolBodySchema) },
    responses: answers(200, success(poolSchema)),
  }),
  async (c) => c.json(done(await updatePool(callerContext(c), c.req.valid("param").id, c.req.valid("json"))), 200),
);

poolRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/pools/{id}",
    tags,
    summary: "Delete a pool that no server uses",
    middleware: allow("pool.delete"),
    request: { params },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deletePool(callerContext(c), c.req.valid("param").id);
    return c.json(done(null), 200);
  },
);
