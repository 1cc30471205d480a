import type { Panel } from "../tests/world/panel.ts";
import { until } from "../tests/world/until.ts";

const QUIET_MS = 3_000;

/** Statements that reached Postgres through the Neon-protocol proxy since the panel started. */
export async function statementsSoFar(panel: Panel): Promise<number> {
  const response = await fetch(`${panel.ready.neonProxyUrl}/stats`);
  return ((await response.json()) as { statements: number }).statements;
}

/** Waits until no statement was made for a while: what earlier actions changed on the node has reached Postgres. */
export async function untilQuiet(panel: Panel): Promise<void> {
  let last = -1;
  let since = performance.now();
  await until(
    "the database is quiet",
    async () => {
      const statements = await statementsSoFar(panel);
      if (statements !== last) since = performance.now();
      last = statements;
      return performance.now() - since > QUIET_MS;
    },
    60_000,
  );
}
