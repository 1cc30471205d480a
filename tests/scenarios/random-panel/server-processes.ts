/** What of each server lives on this machine, whatever anybody says of it. */
import { readFileSync } from "node:fs";
import { isAlive, processIds } from "../../world/processes.ts";

export interface ServerProcesses {
  /** Of the game itself. */
  games: number[];
  /** With the shell that stands beside it, its console's logger, and an install. */
  all: number[];
}

/** @param folder of all servers of the node */
export function processesByServer(folder: string): Map<string, ServerProcesses> {
  const found = new Map<string, ServerProcesses>();
  const namesServer = new RegExp(`${folder}/([a-z0-9-]+)`);
  for (const pid of processIds()) {
    const { environment, command } = textsOf(pid);
    const id = namesServer.exec(`${environment}\0${command}`)?.[1];
    if (!id || pid === process.pid || !isAlive(pid)) continue;
    const own = found.get(id) ?? { games: [], all: [] };
    found.set(id, own);
    own.all.push(pid);
    // The shell beside the game has its environment too; it starts the game by `setsid`.
    if (environment.split("\0").includes(`SERVER_ID=${id}`) && !command.includes("/setsid")) own.games.push(pid);
  }
  return found;
}

function textsOf(pid: number): { environment: string; command: string } {
  try {
    const [environment, command] = ["environ", "cmdline"].map((file) => readFileSync(`/proc/${pid}/${file}`, "latin1"));
    return { environment: environment!, command: command! };
  } catch {
    return { environment: "", command: "" };
  }
}
