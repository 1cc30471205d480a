import type { RequestContext } from "../../context.ts";

/**
 * Hints to the node's hub that its spec changed. Losing the hint costs nothing: the generation is stated again at the
 * agent's next connect, and Postgres already has it.
 */
export function tellGeneration(ctx: RequestContext, nodeId: string, generation: number): void {
  ctx.background(ctx.hubs.of(nodeId).setSpecGeneration(generation));
}
