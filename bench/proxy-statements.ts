import type { Panel } from "../tests/world/panel.ts";

/** Statements that reached Postgres through the Neon-protocol proxy since the panel started. */
export async function statementsSoFar(panel: Panel): Promise<number> {
  const response = await fetch(`${panel.ready.neonProxyUrl}/stats`);
  return ((await response.json()) as { statements: number }).statements;
}
