import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  changePasswordBodySchema,
  registrationPolicySchema,
  sessionSchema,
  updateMeBodySchema,
} from "../../protocol/api/account.ts";
import {
  loginBodySchema,
  loginReplySchema,
  registerBodySchema,
  registerReplySchema,
  userSchema,
} from "../../protocol/api/auth.ts";
import { success, successPage } from "../../protocol/api/envelope.ts";
import { sessionCookie } from "../auth/credential.ts";
import { type AppEnv, callerContext } from "../context.ts";
import { signedIn, signedInPerson } from "../middleware/authenticate.ts";
import { changePassword } from "../services/auth/change-password.ts";
import { login } from "../services/auth/login.ts";
import { logout } from "../services/auth/logout.ts";
import { register } from "../services/auth/register.ts";
import { toUser } from "../services/auth/reply.ts";
import { listSessions, revokeSession } from "../services/auth/sessions.ts";
import { updateMe } from "../services/auth/update-me.ts";
import { answers, done, doneAll, jsonBody, newRouter, noDataSchema } from "./contract.ts";

const tags = ["auth"];
export const authRoutes = newRouter();

/** The panel lives on the cookie; scripts ignore it and use the token of the body. */
function setSessionCookie(c: Context<AppEnv>, token: string, expiresAt: Date) {
  const isHttps = new URL(c.req.url).protocol === "https:" || c.get("ctx").origin.startsWith("https:");
  c.header("Set-Cookie", sessionCookie(token, isHttps, expiresAt));
}

authRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/auth/login",
    tags,
    summary: "Sign in",
    request: jsonBody(loginBodySchema),
    responses: answers(200, success(loginReplySchema)),
  }),
  async (c) => {
    const { token, expiresAt, user } = await login(c.get("ctx"), c.req.valid("json"));
    setSessionCookie(c, token, expiresAt);
    return c.json(done({ token, expiresAt: expiresAt.toISOString(), user }), 200);
  },
);

authRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/auth/register",
    tags,
    summary: "Make an account, where registration is open",
    request: jsonBody(registerBodySchema),
    responses: answers(201, success(registerReplySchema)),
  }),
  async (c) => {
    const { token, userId, expiresAt } = await register(c.get("ctx"), c.req.valid("json"));
    setSessionCookie(c, token, expiresAt);
    return c.json(done({ token, userId }), 201);
  },
);

authRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/auth/policy",
    tags,
    summary: "Who may register",
    responses: answers(200, success(registrationPolicySchema)),
  }),
  (c) => c.json(done({ registration: c.env.REGISTRATION }), 200),
);

authRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/auth/logout",
    tags,
    summary: "End this session and its sockets",
    middleware: signedInPerson,
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await logout(callerContext(c));
    setSessionCookie(c, "", new Date(0));
    return c.json(done(null), 200);
  },
);

authRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/auth/me",
    tags,
    summary: "Who am I, and what may I do",
    middleware: signedIn,
    responses: answers(200, success(userSchema)),
  }),
  (c) => c.json(done(toUser(callerContext(c).caller)), 200),
);

authRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/api/auth/me",
    tags,
    summary: "Change one's own profile",
    middleware: signedInPerson,
    request: jsonBody(updateMeBodySchema),
    responses: answers(200, success(userSchema)),
  }),
  async (c) => c.json(done(await updateMe(callerContext(c), c.req.valid("json"))), 200),
);

authRoutes.openapi(
  createRoute({
    method: "post",
    path: "/api/auth/me/password",
    tags,
    summary: "Change one's own password; ends every session and answers with a new one",
    middleware: signedInPerson,
    request: jsonBody(changePasswordBodySchema),
    responses: answers(200, success(z.object({ token: z.string(), expiresAt: z.iso.datetime() }))),
  }),
  async (c) => {
    const { token, expiresAt } = await changePassword(callerContext(c), c.req.valid("json"));
    setSessionCookie(c, token, expiresAt);
    return c.json(done({ token, expiresAt: expiresAt.toISOString() }), 200);
  },
);

authRoutes.openapi(
  createRoute({
    method: "get",
    path: "/api/auth/sessions",
    tags,
    summary: "One's own sessions",
    middleware: signedInPerson,
    responses: answers(200, successPage(sessionSchema)),
  }),
  async (c) => c.json(doneAll(await listSessions(callerContext(c))), 200),
);

authRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/api/auth/sessions/{id}",
    tags,
    summary: "End one of one's own sessions",
    middleware: signedInPerson,
    request: { params: z.object({ id: z.string() }) },
    responses: answers(200, noDataSchema),
  }),
  async (c) => {
    await revokeSession(callerContext(c), c.req.valid("param").id);
    return c.json(done(null), 200);
  },
);
