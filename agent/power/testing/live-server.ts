/** One server's actor on a real runtime, wired as the agent wires it. */
import { randomUUID } from "node:crypto";
import { bootIdentity } from "../../boot-identity.ts";
import { writeConsoleInput } from "../../console/console-input.ts";
import { SegmentLog } from "../../console/segment-log.ts";
import { makeServerFolders, segmentIndexFile } from "../../console/server-paths.ts";
import { PLAIN_DISKS } from "../../disk/testing/plain-disks.ts";
import { Journal } from "../../journal/journal.ts";
import { createLog } from "../../log.ts";
import type { ContainerRuntime, LaunchSpec } from "../../runtime/container-runtime.ts";
import { waitUntil } from "../../testing/wait-until.ts";
import { ServerActor } from "../server-actor.ts";

export type Action = Parameters<ServerActor["command"]>[0];

export class LiveServer {
  readonly actor: ServerActor;
  /** States in the order they were entered. */
  readonly states: string[] = [];
  readonly #journal: Journal;
  readonly #runtime: ContainerRuntime;

  private constructor(actor: ServerActor, journal: Journal, runtime: ContainerRuntime) {
    this.actor = actor;
    this.#journal = journal;
    this.#runtime = runtime;
    journal.onEvent = ({ state, reason }) => this.states.push(reason ? `${state}: ${reason}` : state);
  }

  static async open(
    runtime: ContainerRuntime,
    { spec, paths }: Pick<LaunchSpec, "spec" | "paths">,
  ): Promise<LiveServer> {
    const log = createLog("silent");
    await makeServerFolders(paths);
    const journal = await Journal.open(paths.records, log);
    const actor = new ServerActor(spec, paths, new SegmentLog(paths.console, segmentIndexFile(paths)), {
      runtime,
      disks: PLAIN_DISKS,
      journal,
      log,
      bootIdentity: bootIdentity(),
      timeZone: "UTC",
      writeInput: writeConsoleInput,
    });
    await runtime.watch((_, runId, exit) => void actor.exited(runId, exit));
    await actor.recover(await runtime.inspect(spec.id));
    return new LiveServer(actor, journal, runtime);
  }

  async command(action: Action): Promise<void> {
    const answer = await this.actor.command(action, randomUUID(), Date.now());
    if (!answer.ok) throw new Error(`${action}: ${answer.error}`);
  }

  async inState(state: string): Promise<void> {
    await waitUntil(`${state} after ${this.states.slice(-6).join(", ")}`, () => this.actor.status.state === state);
  }

  /** As an agent that ends: the game goes on. */
  async letGo(): Promise<void> {
    await this.actor.close();
    await this.#runtime.close();
    await this.#journal.close();
  }

  async close(): Promise<void> {
    await this.actor.close();
    await this.#runtime.remove(this.actor.spec.id);
    await this.#journal.close();
  }
}

/**
 * Starts, ends and starts again without a rest in between: every run must come to be `running`, and none may be taken
 * for ended because an earlier one was.
 */
export async function cycle(server: LiveServer, end: "kill" | "stop" | "restart", times: number): Promise<void> {
  const expected = ["starting", "running"];
  await server.command("start");
  await server.inState("running");
  let { runId } = server.actor.status;
  for (let round = 0; round < times; round++) {
    await server.command(end);
    if (end !== "restart") {
      await server.inState("stopped");
      await server.command("start");
      expected.push("stopping", "stopped", "starting", "running");
    } else {
      expected.push("stopping", "starting", "running");
    }
    const before = runId;
    await waitUntil(`round ${round}: a new run after ${server.states.slice(-6).join(", ")}`, () => {
      const { status } = server.actor;
      if (status.state === "crashed" || status.state === "error") throw new Error(`${status.state}: ${status.reason}`);
      return status.state === "running" && status.runId !== before;
    });
    ({ runId } = server.actor.status);
  }
  await waitUntil(`the last state to be told after ${server.states.slice(-6).join(", ")}`, () => {
    return server.states.length >= expected.length;
  });
  if (server.states.join() !== expected.join()) throw new Error(`the states were ${server.states.join(", ")}`);
}
