/** The smallest Worker that has hubs: for tests that need nothing of the real one. */
export { NodeHub } from "../node-hub/node-hub.ts";

export default { fetch: () => new Response("not here", { status: 404 }) } satisfies ExportedHandler;
