import type { Ports } from "../middleware/request-context.ts";
import { systemClock } from "./clock.ts";
import { durableHubs } from "./durable-hub.ts";
import { workersSockets } from "./workers-sockets.ts";

/** The outside world as the Workers runtime offers it. */
export const workersPorts: Ports = {
  hubs: (env) => durableHubs(env.NODE_HUB),
  clock: systemClock,
  sockets: workersSockets,
};
