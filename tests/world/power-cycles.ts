/** Servers that are started and ended again and again, in every way an end can come. */
import type { Panel } from "./panel.ts";
import { ServerStates } from "./server-states.ts";
import { until } from "./until.ts";

const RESTING = ["stopped", "crashed", "error"];
/** One after the other; the second word is where it leaves the server. */
const ENDS = [
  { path: "stop", body: undefined, rest: "stopped" },
  { path: "command", body: { command: "exit 42" }, rest: "crashed" },
  { path: "kill", body: undefined, rest: "stopped" },
  { path: "command", body: { command: "exit 0" }, rest: "stopped" },
] as const;

/** A cycle is a start, the state `running`, an end and the state that it must leave. */
export class PowerCycles {
  readonly #panel: Panel;
  readonly #servers: { id: string; states: ServerStates }[];
  done = 0;

  private constructor(panel: Panel, servers: { id: string; states: ServerStates }[]) {
    this.#panel = panel;
    this.#servers = servers;
  }

  static async open(panel: Panel, count: number, body: Record<string, unknown> = {}): Promise<PowerCycles> {
    const servers: { id: string; states: ServerStates }[] = [];
    for (let i = 0; i < count; i++) {
      const id = await panel.createServer({ name: `cycled ${i}`, restartPolicy: "never", ...body });
      await panel.waitForState(id, "stopped");
      servers.push({ id, states: await ServerStates.follow(panel, id) });
    }
    return new PowerCycles(panel, servers);
  }

  /**
   * @param total over all servers, which run their cycles side by side.
   * @param watcher is told of each cycle, and may say that these are enough.
   */
  async run(total: number, watcher: { onCycle?(done: number): void; isOver?(): boolean } = {}): Promise<void> {
    const target = this.done + total;
    let begun = this.done;
    const work = async (server: { id: string; states: ServerStates }) => {
      for (let own = begun++; own < target && !watcher.isOver?.(); own = begun++) {
        await this.#cycle(server, ENDS[own % ENDS.length]!);
        this.done++;
        watcher.onCycle?.(this.done);
      }
    };
    await Promise.all(this.#servers.map(work));
  }

  async close(): Promise<void> {
    for (const { id, states } of this.#servers) {
      states.close();
      await this.#panel.must("DELETE", `/api/servers/${id}`);
    }
  }

  async #cycle({ id, states }: { id: string; states: ServerStates }, end: (typeof ENDS)[number]): Promise<void> {
    const begin = states.seen.length;
    await this.#panel.must("POST", `/api/servers/${id}/start`);
    const inVain = (error: Error) => this.#fail(id, states, `not as it should be, with ${end.path}: ${error.message}`);
    const started = await states.next(["running", ...RESTING], begin).catch(inVain);
    if (started !== "running") await this.#fail(id, states, `${started} after a start`);
    const ending = states.seen.length;
    await this.#panel.must("POST", `/api/servers/${id}/${end.path}`, end.body);
    const rest = await states.next(RESTING, ending).catch(inVain);
    if (rest !== end.rest) await this.#fail(id, states, `${rest} after ${end.path} ${JSON.stringify(end.body)}`);
  }

  async #fail(id: string, { seen }: ServerStates, what: string): Promise<never> {
    const view = () => this.#panel.must<{ status: string; statusReason: string | null }>("GET", `/api/servers/${id}`);
    // Postgres hears of a state a moment after the viewers.
    await until("the API to know", async () => (await view()).status === seen.at(-1), 5_000).catch(() => {});
    const server = await view();
    const { data } = await this.#panel.must<{ data: string }>("GET", `/api/servers/${id}/logs`);
    const facts = `the API says ${server.status}, ${server.statusReason}; ${seen.slice(-6).join(", ")}; console: ${data.slice(-200)}`;
    throw new Error(`server ${id} is ${what}, in cycle ${this.done}: ${facts}`);
  }
}
