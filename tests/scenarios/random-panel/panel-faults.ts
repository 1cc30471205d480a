/** What goes wrong during the run: each of the machine's parts is killed, the agent's link is cut, games are killed. */
import type { CuttableLink } from "../../world/cuttable-link.ts";
import type { Panel } from "../../world/panel.ts";
import { oneOf, type Random, shuffled } from "./choice.ts";
import { processesByServer } from "./server-processes.ts";

export type Fault = readonly [name: string, make: () => Promise<void>];

/** Sixteen of them, in the order of the seed. */
export function faults(panel: Panel, link: CuttableLink, serversFolder: string, random: Random): Fault[] {
  const kinds: [number, Fault][] = [
    [4, ["agent killed", () => panel.killAgent()]],
    [3, ["edge killed", () => panel.killWorker()]],
    [1, ["agent and edge killed", () => Promise.all([panel.killAgent(), panel.killWorker()]).then(() => {})]],
    [4, ["link cut", async () => link.cut()]],
    [4, ["game killed", async () => killGame(serversFolder, random)]],
  ];
  return shuffled(
    random,
    kinds.flatMap(([count, fault]) => Array<Fault>(count).fill(fault)),
  );
}

function killGame(serversFolder: string, random: Random): void {
  const running = [...processesByServer(serversFolder).values()].flatMap(({ games }) => games);
  if (running.length === 0) return;
  try {
    process.kill(oneOf(random, running), "SIGKILL");
  } catch (error) {
    // It ended by itself in this moment.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
