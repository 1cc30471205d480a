import { describe, expect, it } from "vitest";
import { CONSOLE_REPLAY_MAX_BYTES, VIEWER_CREDIT_BYTES } from "../../protocol/limits.ts";
import { SimulatedAgent } from "../testing/simulated-agent.ts";
import { SimulatedViewer } from "../testing/simulated-viewer.ts";
import { SimulatedWorld } from "../testing/simulated-world.ts";

/** Small, seedable and good enough to choose steps (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function deliverAll(world: SimulatedWorld, agent: SimulatedAgent, viewers: SimulatedViewer[]): boolean {
  let moved = false;
  for (const id of [...world.links.keys()]) while (world.deliverToHub(id)) moved = true;
  while (agent.handleOne()) moved = true;
  for (const viewer of viewers) while (viewer.handleOne()) moved = true;
  return moved;
}

/** A viewer's credit and one replay, with room for the frames around the text. */
const WAITING_MAX = 1.35 * (VIEWER_CREDIT_BYTES + CONSOLE_REPLAY_MAX_BYTES);

/** Everybody is present and quick until nothing is under way any more. */
function settle(world: SimulatedWorld, agent: SimulatedAgent, viewers: SimulatedViewer[]): void {
  if (agent.socket === null || !world.isOpen(agent.socket)) agent.connect();
  for (const viewer of viewers) if (viewer.isCutOff) viewer.connect();
  for (let round = 0; round < 10_000; round += 1) {
    world.now += 50;
    world.runDueAlarms();
    const moved = deliverAll(world, agent, viewers);
    for (const viewer of viewers) viewer.ack();
    const streamed = agent.streamOne();
    const waits = viewers.some((viewer) => viewer.position !== agent.log.length);
    if (!moved && !streamed && agent.isDone && !waits) return;
  }
  throw new Error(
    `not settled: log ${agent.log.length}, viewers at ${viewers.map(({ position }) => position).join(" ")}`,
  );
}

function step(world: SimulatedWorld, agent: SimulatedAgent, viewers: SimulatedViewer[], random: () => number): void {
  const viewer = viewers[Math.floor(random() * viewers.length)]!;
  // Each viewer has its own speed, from prompt to nearly dead.
  const speed = 1 / (1 + viewers.indexOf(viewer) ** 2);
  const dice = random();
  world.now += Math.floor(random() * 30);
  if (dice < 0.15) agent.write(Math.floor(random() ** 3 * 60_000));
  else if (dice < 0.35) agent.streamOne(1 + Math.floor(random() * 32 * 1024));
  else if (dice < 0.55) {
    if (agent.socket !== null) world.deliverToHub(agent.socket);
  } else if (dice < 0.65) agent.handleOne();
  else if (dice < 0.8) viewer.handleOne();
  else if (dice < 0.9) {
    if (random() < speed) viewer.ack();
  } else if (dice < 0.98) {
    if (viewer.socket !== null) world.deliverToHub(viewer.socket);
  } else if (dice < 0.985) viewer.connect();
  else if (dice < 0.989) world.sleep();
  else if (dice < 0.991) agent.connect();
  else if (dice < 0.993) agent.drop();
  else if (dice < 0.9935) world.restart();
  else if (dice < 0.995) agent.skip();
  else if (dice < 0.996) world.now += 40_000;
  world.runDueAlarms();
  for (const { socket } of viewers) if (socket !== null) expect(world.waiting(socket)).toBeLessThan(WAITING_MAX);
}

describe("any mixture of floods, slow readers, drops, sleeps and restarts", () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))("leaves every viewer with the log, seed %i", (seed) => {
    const random = randomFrom(seed);
    const world = new SimulatedWorld();
    const agent = new SimulatedAgent(world);
    const viewers = Array.from({ length: 1 + (seed % 6) }, () => new SimulatedViewer(world));
    agent.connect();
    for (let count = 0; count < 1_800; count += 1) {
      step(world, agent, viewers, random);
      for (const viewer of viewers) if (viewer.isCutOff && random() < 0.05) viewer.connect();
      if ((agent.socket === null || !world.isOpen(agent.socket)) && random() < 0.05) agent.connect();
    }
    agent.write(1_000);
    settle(world, agent, viewers);
    for (const viewer of viewers) {
      const { from, text } = viewer.filledFrom(agent.log);
      expect(text === agent.log.slice(from)).toBe(true);
    }
  });
});

describe("a flood", () => {
  it("reaches fifty quick viewers whole, without a gap", () => {
    const world = new SimulatedWorld();
    const agent = new SimulatedAgent(world);
    const viewers = Array.from({ length: 50 }, () => new SimulatedViewer(world));
    agent.connect();
    for (const viewer of viewers) viewer.connect();
    settle(world, agent, viewers);
    agent.write(3_000_000);
    settle(world, agent, viewers);
    for (const viewer of viewers) {
      expect(viewer.gapCount).toBe(0);
      expect(viewer.filledFrom(agent.log).text.length).toBe(agent.log.length);
    }
  });
});
