import { createRoute, z } from "@hono/zod-openapi";
import { success, successPage } from "../../protocol/api/envelope.ts";
import {
  addAllocationsBodySchema,
  allocationNotesBodySchema,
  allocationQuerySchema,
  availableAllocationsSchema,
  primaryAllocationBodySchema,
  removedAllocationSchema,
  serverAllocationSchema,
  serverNetworkBodySchema,
} from "../../protocol/api/server-network.ts";
import { serverDetailSchema } from "../../protocol/api/servers.ts";
import { idSchema } from "../../protocol/ids.ts";
import { serverContext } from "../context.ts";
import { onServer } from "../middleware/authenticate.ts";
import { addAllocations } from "../services/server-network/add-allocations.ts";
import { availableAllocations, listServerAllocations } from "../services/server-network/allocations.ts";
import { noteAllocation } from "../services/server-network/note-allocation.ts";
import { removeServerAllocation } from "../services/server-network/remove-allocation.ts";
import { setNetwork } from "../services/server-network/set-network.ts";
import { setPrimaryAllocation } from "../services/server-network/set-primary.ts";
import { answers, done, doneAll, jsonBody, newRouter } from "./contract.ts";

const tags = ["servers"];
const params = z.object({ id: idSchema });
/** A port's number, or the allocation's id. */
const oneParams = params.extend({ port: idSchema });
export const serverNetworkRoutes = newRouter();

serverNetworkRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/allocations",
    tags,
    summary: "Addresses and ports of a server, the primary one first",
    middleware: onServer("allocation.read"),
    request: { params },
    responses: answers(200, successPage(serverAllocationSchema)),
  }),
  async (c) => c.json(doneAll(await listServerAllocations(serverContext(c))), 200),
);

serverNetworkRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/servers/{id}/allocations/available",
    tags,
    summary: "What can be added: free ports of the node, and addresses to open one on",
    middleware: onServer("allocation.create"),
    request: { params },
    responses: answers(200, success(availableAllocationsSchema)),
  }),
  async (c) => c.json(done(await availableAllocations(serverContext(c))), 200),
);

serverNetworkRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/allocations",
    tags,
    summary: "Give the server more ports, chosen ones or any; they hold from its next start on",
    middleware: onServer("allocation.create"),
    request: { params, ...jsonBody(addAllocationsBodySchema) },
    responses: answers(201, success(z.array(serverAllocationSchema))),
  }),
  async (c) => c.json(done(await addAllocations(serverContext(c), c.req.valid("json"))), 201),
);

serverNetworkRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/servers/{id}/allocations/primary",
    tags,
    summary: "Make one of its ports the one that players connect to",
    middleware: onServer("allocation.update"),
    request: { params, ...jsonBody(primaryAllocationBodySchema) },
    responses: answers(200, success(serverAllocationSchema)),
  }),
  async (c) => c.json(done(await setPrimaryAllocation(serverContext(c), c.req.valid("json"))), 200),
);

serverNetworkRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/servers/{id}/allocations/{port}",
    tags,
    summary: "Write down what a port is for",
    middleware: onServer("allocation.update"),
    request: { params: oneParams, query: allocationQuerySchema, ...jsonBody(allocationNotesBodySchema) },
    responses: answers(200, success(serverAllocationSchema)),
  }),
  async (c) => {
    const { ip } = c.req.valid("query");
    const { notes } = c.req.valid("json");
    return c.json(done(await noteAllocation(serverContext(c), c.req.valid("param").port, ip, notes)), 200);
  },
);

serverNetworkRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/servers/{id}/allocations/{port}",
    tags,
    summary: "Take a port from the server; not its primary one, nor one that it runs with",
    middleware: onServer("allocation.delete"),
    request: { params: oneParams, query: allocationQuerySchema },
    responses: answers(200, success(removedAllocationSchema)),
  }),
  async (c) => {
    const { ip } = c.req.valid("query");
    return c.json(done(await removeServerAllocation(serverContext(c), c.req.valid("param").port, ip)), 200);
  },
);

serverNetworkRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/servers/{id}/network",
    tags,
    summary: "Move the server to another network; it moves at its next start",
    middleware: onServer("allocation.update"),
    request: { params, ...jsonBody(serverNetworkBodySchema) },
    responses: answers(200, success(serverDetailSchema)),
  }),
  async (c) => c.json(done(await setNetwork(serverContext(c), c.req.valid("json"))), 200),
);
