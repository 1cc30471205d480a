import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { REQUEST_BODY_MAX_BYTES } from "../protocol/limits.ts";
import type { AppEnv } from "./context.ts";
import { notFound, Refusal } from "./errors.ts";
import { answerError } from "./middleware/answer-errors.ts";
import { emptyBodyIsNone } from "./middleware/empty-body.ts";
import { idempotency } from "./middleware/idempotency.ts";
import { type Ports, requestContext } from "./middleware/request-context.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { accessRoutes } from "./routes/access.ts";
import { agentRoutes } from "./routes/agents.ts";
import { allocationRoutes } from "./routes/allocations.ts";
import { apiKeyRoutes } from "./routes/api-keys.ts";
import { auditRoutes } from "./routes/audit.ts";
import { authRoutes } from "./routes/auth.ts";
import { consoleSocketRoutes } from "./routes/console-socket.ts";
import { deployRoutes } from "./routes/deploy.ts";
import { serveDocs } from "./routes/docs.ts";
import { generalSocketRoutes } from "./routes/general-socket.ts";
import { healthRoutes } from "./routes/health.ts";
import { installRoutes } from "./routes/installs.ts";
import { locationRoutes } from "./routes/locations.ts";
import { nodeRoutes } from "./routes/nodes.ts";
import { poolRoutes } from "./routes/pools.ts";
import { serverNetworkRoutes } from "./routes/server-network.ts";
import { serverRoutes } from "./routes/servers.ts";
import { suspensionRoutes } from "./routes/suspension.ts";
import { templateRoutes } from "./routes/templates.ts";
import { userRoutes } from "./routes/users.ts";

/** The whole control plane as one application over its ports; the Worker and the tests differ only in those. */
export function createApp(ports: Ports) {
  const app = new OpenAPIHono<AppEnv>();
  app.use(requestContext(ports));
  app.use(securityHeaders);
  app.use(
    bodyLimit({
      maxSize: REQUEST_BODY_MAX_BYTES,
      onError: () => {
        throw new Refusal("BODY_TOO_LARGE", "The request body is larger than 1 MiB.");
      },
    }),
  );

  app.use(emptyBodyIsNone);
  app.use("/api/*", idempotency);

  const groups = [
    ...[healthRoutes, authRoutes, apiKeyRoutes, userRoutes, locationRoutes, nodeRoutes, allocationRoutes],
    ...[templateRoutes, serverRoutes, installRoutes, suspensionRoutes, serverNetworkRoutes],
    ...[accessRoutes, poolRoutes, auditRoutes],
    ...[consoleSocketRoutes, generalSocketRoutes, agentRoutes, deployRoutes],
  ];
  for (const routes of groups) app.route("/", routes);
  serveDocs(app);

  app.notFound(() => {
    throw notFound("page");
  });
  app.onError(answerError);
  return app;
}
