import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { World } from "../../agent/testing/agent-process.ts";
import type { RandomActions } from "../../agent/testing/random-actions.ts";
import { waitUntil } from "../../agent/testing/wait-until.ts";

const START_DEADLINE_MS = 60_000;
const LEFT_OVER_DEADLINE_MS = 30_000;

/** What really runs on the machine, whatever the agent says. */
export interface Machine {
  /** Whether the server's game runs, and once, as far as the machine can tell runs apart. */
  isRunningOnce(serverId: string): boolean;
  /** Whether the server has neither a process nor anything else that a run needs. */
  isIdle(serverId: string): boolean;
}

/**
 * After random actions and faults: spec, agent and machine agree, every event was told once and in order, nothing is
 * left of deleted servers, and none is stuck. Leaves every server stopped.
 */
export async function allAgree(world: World, random: RandomActions, machine: Machine): Promise<void> {
  const { plane, agent } = world;
  await waitUntil("the agent to be connected", () => plane.isConnected, 60_000);
  const idle = (id: string, state: string) =>
    waitUntil(`${id}, ${state}, to have nothing that runs`, () => machine.isIdle(id), LEFT_OVER_DEADLINE_MS);

  const states = await random.settle();
  const wanted = new Set(random.specs.map(({ id }) => id));
  const folders = join(agent.dataDir, "servers");
  const deleted = () => readdirSync(folders).filter((id) => !wanted.has(id));
  await waitUntil("nothing of deleted servers to be left", () => deleted().length === 0, LEFT_OVER_DEADLINE_MS);
  for (const spec of random.specs) {
    const state = states.get(spec.id)!;
    const told = plane.lastEvent(spec.id)!;
    expect(state === "suspended", `${spec.id} is ${state}`).toBe(spec.suspended);
    if (state === "running") {
      const isRunningOnce = () => machine.isRunningOnce(spec.id);
      await waitUntil(`${spec.id} to run, and once`, isRunningOnce, LEFT_OVER_DEADLINE_MS);
      expect(told.desiredPower).toBe("running");
    } else await idle(spec.id, state);
    if (told.desiredPowerAt === spec.desiredPowerAt) expect(told.desiredPower).toBe(spec.desiredPower);
    else expect(told.desiredPowerAt).toBeGreaterThan(spec.desiredPowerAt);
  }
  toldOnceInOrder(world);

  // None is stuck: each can be started and stopped.
  random.specs.forEach((spec, slot) => {
    if (spec.suspended) void random.change(slot, { suspended: false });
  });
  await random.settle();
  for (const { id } of random.specs) await random.power(id, "start", `last-start-${id}`);
  for (const { id } of random.specs) await plane.inState(id, "running", START_DEADLINE_MS);
  for (const { id } of random.specs) await random.power(id, "stop", `last-stop-${id}`);
  for (const { id } of random.specs) await plane.inState(id, "stopped", START_DEADLINE_MS);
  for (const { id } of random.specs) await idle(id, "stopped");
  const trash = join(agent.dataDir, "trash");
  expect(existsSync(trash) ? readdirSync(trash) : []).toEqual([]);
  toldOnceInOrder(world);
}

/** No number is given to two events, and none comes before a lower one. */
function toldOnceInOrder({ plane }: World): void {
  expect(plane.badFrames).toEqual([]);
  const numbers = plane.events.map(({ seq }) => seq);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  const first = new Map(plane.events.map((event) => [event.seq, event]));
  for (const event of plane.rawEvents) expect(event).toEqual(first.get(event.seq));
}
