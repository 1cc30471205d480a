import { createRoute, z } from "@hono/zod-openapi";
import { listQuerySchema, success, successPage } from "../../protocol/api/envelope.ts";
import {
  createUserBodySchema,
  permissionsReplySchema,
  roleSchema,
  updateUserBodySchema,
  userRecordSchema,
} from "../../protocol/api/users.ts";
import { idSchema } from "../../protocol/ids.ts";
import { GLOBAL_PERMISSIONS, SERVER_PERMISSIONS } from "../../protocol/permissions.ts";
import { callerContext } from "../context.ts";
import { allow, signedIn } from "../middleware/authenticate.ts";
import { createUser } from "../services/users/create.ts";
import { getUser, listUsers } from "../services/users/read.ts";
import { listRoles } from "../services/users/roles.ts";
import { updateUser } from "../services/users/update.ts";
import { answers, done, doneAll, donePage, jsonBody, newRouter } from "./contract.ts";

const tags = ["users"];
const params = z.object({ id: idSchema });
export const userRoutes = newRouter();

userRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/users",
    tags,
    summary: "List users",
    middleware: allow("user.read"),
    request: { query: listQuerySchema },
    responses: answers(200, successPage(userRecordSchema)),
  }),
  async (c) => c.json(donePage(await listUsers(callerContext(c), c.req.valid("query"))), 200),
);

userRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/users",
    tags,
    summary: "Create a user",
    middleware: allow("user.create"),
    request: jsonBody(createUserBodySchema),
    responses: answers(201, success(userRecordSchema)),
  }),
  async (c) => c.json(done(await createUser(callerContext(c), c.req.valid("json"))), 201),
);

userRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/users/{id}",
    tags,
    summary: "One user",
    middleware: allow("user.read"),
    request: { params },
    responses: answers(200, success(userRecordSchema)),
  }),
  async (c) => c.json(done(await getUser(callerContext(c), c.req.valid("param").id)), 200),
);

userRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/users/{id}",
    tags,
    summary: "Ban, unban, or give roles; each field needs its own permission",
    middleware: allow("user.ban", "user.unban", "user.set_roles"),
    request: { params, ...jsonBody(updateUserBodySchema) },
    responses: answers(200, success(userRecordSchema)),
  }),
  async (c) => c.json(done(await updateUser(callerContext(c), c.req.valid("param").id, c.req.valid("json"))), 200),
);

userRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/roles",
    tags,
    summary: "List roles",
    middleware: allow("role.read", "user.set_roles"),
    responses: answers(200, successPage(roleSchema)),
  }),
  async (c) => c.json(doneAll(await listRoles(callerContext(c))), 200),
);

userRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/permissions",
    tags,
    summary: "Every permission there is",
    middleware: signedIn,
    responses: answers(200, success(permissionsReplySchema)),
  }),
  (c) => c.json(done({ global: [...GLOBAL_PERMISSIONS], server: [...SERVER_PERMISSIONS] }), 200),
);
