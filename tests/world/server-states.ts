/** The states of one server as its viewers are told them, without asking the database for each. */
import WebSocket from "ws";
import type { Panel } from "./panel.ts";
import { until } from "./until.ts";

export class ServerStates {
  /** In the order they were entered. */
  readonly seen: string[] = [];
  readonly #socket: WebSocket;
  readonly #listeners = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as { type: string; state?: string };
      if (frame.type !== "server_state_update") return;
      // The same state is told again when something else about it changes.
      if (this.seen.at(-1) !== frame.state) this.seen.push(frame.state!);
      for (const listener of this.#listeners) listener();
    });
  }

  static async follow(panel: Pick<Panel, "url" | "token">, serverId: string): Promise<ServerStates> {
    const url = `${panel.url.replace("http", "ws")}/api/servers/${serverId}/console`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${panel.token}` } });
    const states = new ServerStates(socket);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    await until("the present state is told", () => states.seen.length > 0);
    return states;
  }

  /** Resolves with the first of these states that is told at or after a place in `seen`. */
  next(wanted: readonly string[], from: number, deadlineMs = 120_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const state = this.seen.slice(from).find((each) => wanted.includes(each));
        if (state === undefined) return;
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(state);
      };
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        const connection = this.#socket.readyState === WebSocket.OPEN ? "" : ", the connection being closed";
        reject(new Error(`waited in vain for ${wanted.join(" or ")}${connection}`));
      }, deadlineMs);
      this.#listeners.add(look);
      look();
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}
