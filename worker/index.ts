import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { workersPorts } from "./ports/workers.ts";
import { daily } from "./scheduled.ts";

export { NodeHub } from "../durable-objects/node-hub/node-hub.ts";

const app = createApp(workersPorts);

export default {
  fetch: (request, env, context) => app.fetch(request, env, context),
  scheduled: async (_controller, env) => void (await daily(env)),
} satisfies ExportedHandler<Env>;
