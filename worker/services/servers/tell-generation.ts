import type { RequestContext } from "../../context.ts";

/** A hub that answers no sooner is told all the same; the caller only stops waiting for it. */
const PATIENCE_MS = 1_000;

/**
 * Hints to the node's hub that its spec changed, so that what the caller asks of the server next finds the agent already
 * told. Losing the hint costs nothing: the generation is stated again at the agent's next connect, and Postgres already
 * has it.
 */
export async function tellGeneration(ctx: RequestContext, nodeId: string, generation: number): Promise<void> {
  const told = ctx.hubs.of(nodeId).setSpecGeneration(generation);
  ctx.background(told);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([told.catch(() => undefined), patience]);
  clearTimeout(timer);
}
