import { createApp } from "./app.ts";
import { systemClock } from "./ports/clock.ts";
import { durableHubs } from "./ports/durable-hub.ts";
import { workersSockets } from "./ports/workers-sockets.ts";

export { NodeHub } from "../durable-objects/node-hub/node-hub.ts";

export default createApp({
  hubs: (env) => durableHubs(env.NODE_HUB),
  clock: systemClock,
  sockets: workersSockets,
});
