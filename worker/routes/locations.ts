import { createRoute, z } from "@hono/zod-openapi";
import { listQuerySchema, success, successPage } from "../../protocol/api/envelope.ts";
import { createLocationBodySchema, locationSchema, updateLocationBodySchema } from "../../protocol/api/nodes.ts";
import { idSchema } from "../../protocol/ids.ts";
import { callerContext } from "../context.ts";
import { allow, signedIn } from "../middleware/authenticate.ts";
import {
  createLocation,
  deleteLocation,
  getLocation,
  listLocations,
  updateLocation,
} from "../services/locations/locations.ts";
import { answers, done, donePage, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["locations"];
const params = z.object({ id: idSchema });
export const locationRoutes = newRouter();

locationRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/locations",
    tags,
    summary: "List locations",
    middleware: signedIn,
    request: { query: listQuerySchema },
    responses: answers(200, successPage(locationSchema)),
  }),
  async (c) => c.json(donePage(await listLocations(callerContext(c), c.req.valid("query"))), 200),
);

locationRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/locations",
    tags,
    summary: "Create a location",
    middleware: allow("location.create"),
    request: jsonBody(createLocationBodySchema),
    responses: answers(201, success(locationSchema)),
  }),
  async (c) => c.json(done(await createLocation(callerContext(c), c.req.valid("json"))), 201),
);

locationRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/locations/{id}",
    tags,
    summary: "One location",
    middleware: signedIn,
    request: { params },
    responses: answers(200, success(locationSchema)),
  }),
  async (c) => c.json(done(await getLocation(callerContext(c), c.req.valid("param").id)), 200),
);

for (const method of ["put", "patch"] as const) {
  locationRoutes.openapi(
    createRoute({
      method,
      path: "/api/locations/{id}",
      tags,
      summary: "Change a location",
      middleware: allow("location.update"),
      request: { params, ...jsonBody(updateLocationBodySchema) },
      responses: answers(200, success(locationSchema)),
    }),
    async (c) => {
      const location = await updateLocation(callerContext(c), c.req.valid("param").id, c.req.valid("json"));
      return c.json(done(location), 200);
    },
  );
}

locationRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/locations/{id}",
    tags,
    summary: "Delete a location that no node is in",
    middleware: allow("location.delete"),
    request: { params },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await deleteLocation(callerContext(c), c.req.valid("param").id);
    return c.json(done(null), 200);
  },
);
