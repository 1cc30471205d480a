import { setTimeout as delay } from "node:timers/promises";
import { asOperator, type OperatorOptions } from "./operator.ts";

interface ServerRow {
  id: string;
  name: string;
  status: string;
  desiredPower: string;
}

const STOP_DEADLINE_MS = 60_000;
const AT_REST = ["stopped", "crashed", "error", "suspended"];
/** One of these that is still wanted may be about to be started again by its restart policy. */
const MAY_COME_BACK = ["stopped", "crashed"];

const isAtRest = ({ status, desiredPower }: ServerRow) =>
  AT_REST.includes(status) && !(MAY_COME_BACK.includes(status) && desiredPower === "running");

/** Stops every game server as its owner would, and waits until each has ended. */
export async function stopServers(access: OperatorOptions, log: (line: string) => void): Promise<void> {
  try {
    await asOperator(access, async (operator) => {
      const list = async () => {
        const servers = await operator.call<ServerRow[]>("GET", "/api/servers?limit=200");
        return servers.filter((server) => !isAtRest(server));
      };
      for (const server of await list()) {
        log(`stopping ${server.name}`);
        await operator.call("POST", `/api/servers/${server.id}/stop`).catch((error: Error) => log(error.message));
      }
      const deadline = performance.now() + STOP_DEADLINE_MS;
      while ((await list()).length > 0 && performance.now() < deadline) await delay(200);
    });
  } catch (error) {
    log(`game servers could not be stopped: ${(error as Error).message}`);
  }
}
