/** What is needed to find the cause of a failed run. */
import { hear, table } from "./parties.ts";
import type { RandomPanel } from "./random-panel.ts";

const ACTIONS_TOLD = 60;
const LOG_LINES_TOLD = 60;

/** @returns the failure with its seed, the last actions, what each party says, and the ends of the logs */
export async function reported(failure: unknown, seed: number, world: RandomPanel): Promise<Error> {
  const { panel, database, people, place } = world;
  const said = await hear(panel, database, people).then(table, (error) => [`they cannot be asked: ${error}`]);
  const log = (part: string) => panel.log.filter((line) => line.startsWith(part)).slice(-LOG_LINES_TOLD);
  const sections: [string, string[]][] = [
    ["the last actions and faults", place.ledger.tail(ACTIONS_TOLD)],
    ["what each party says", said],
    ["the agent's log", log("agent-")],
    ["the edge's log", log("edge")],
  ];
  const words = sections.map(([title, lines]) => `\n--- ${title}\n${lines.join("\n")}`);
  const message = failure instanceof Error ? failure.message : String(failure);
  return new Error(`CATALYST_SEED=${seed}: ${message}${words.join("")}`, { cause: failure });
}
