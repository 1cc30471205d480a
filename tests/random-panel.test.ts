/**
 * Three people use a whole panel at random: two members and an administrator, over the real API, while agent, edge and
 * games are killed and the agent's link is cut. A failure names its seed: `CATALYST_SEED=<seed>` has each of them
 * choose by the same numbers again.
 */
import { expect, test } from "vitest";
import { seedOf } from "../agent/testing/random-actions.ts";
import { agreed, endFaults, noneIsStuck, nothingIsLeft, recordFaults } from "./scenarios/random-panel/agreement.ts";
import { RandomPanel } from "./scenarios/random-panel/random-panel.ts";
import { reported } from "./scenarios/random-panel/report.ts";
import { REQUESTS } from "./scenarios/random-panel/requests.ts";

const ACTIONS = Number(process.env.CATALYST_RANDOM_ACTIONS ?? 300);

test(`after ${ACTIONS} random actions of three people API, Postgres, agent and machine agree, and each is written down once`, {
  timeout: 600_000,
}, async () => {
  const seed = seedOf(process.env.CATALYST_SEED);
  console.log(`seed ${seed}`);
  const world = await RandomPanel.open(seed);
  const { ledger } = world.place;
  try {
    await requestsAreDocumented(world.place.url);
    await world.run(ACTIONS);
    console.log(ledger.counts());
    none(ledger.violations);
    await endFaults(world);
    await agreed(world);
    none(await recordFaults(world));
    await noneIsStuck(world);
    none(await recordFaults(world));
    await nothingIsLeft(world);
  } catch (failure) {
    throw await reported(failure, seed, world);
  } finally {
    await world.close();
  }
});

/** @throws with every sentence, which the report then tells */
function none(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(faults.join("\n"));
}

/** Every request and its success stand in the OpenAPI document that the panel serves. */
async function requestsAreDocumented(url: string): Promise<void> {
  const { paths } = (await (await fetch(`${url}/api/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  for (const { method, path, success } of Object.values(REQUESTS)) {
    const responses = paths[path]?.[method.toLowerCase()]?.responses ?? {};
    expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining([String(success), "default"]));
  }
}
