import { createApp } from "./app.ts";
import { workersPorts } from "./ports/workers.ts";

export { NodeHub } from "../durable-objects/node-hub/node-hub.ts";

export default createApp(workersPorts);
