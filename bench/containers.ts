/** What the rows about containers share. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import WebSocket from "ws";
import type { Panel } from "../tests/world/panel.ts";

const run = promisify(execFile);
export const IMAGE = "docker.io/catalyst-test/echo:1";
const DEADLINE_MS = 30_000;

/** What is missing to run containers here; null when nothing is. */
export async function whatIsMissing(): Promise<string | null> {
  try {
    const { stdout } = await run("nerdctl", [
      "--namespace",
      "catalyst",
      "images",
      "-q",
      IMAGE.replace("docker.io/", ""),
    ]);
    return stdout.trim() === "" ? "needs tests/setup/images.sh" : null;
  } catch {
    return "needs containerd and nerdctl (tests/setup/containerd.sh start)";
  }
}

/** Saves a template whose server does nothing at all; returns its id. */
export async function sleeperTemplate(panel: Panel): Promise<string> {
  const id = "bench-sleeper";
  await panel.must("POST", "/api/templates", { id, name: "Sleeper", image: IMAGE, startup: "exec sleep 3600" });
  return id;
}

/** A viewer's socket of one server, open. */
export async function openConsole(panel: Panel, serverId: string): Promise<WebSocket> {
  const socket = new WebSocket(`${panel.url.replace("http", "ws")}/api/servers/${serverId}/console`, {
    headers: { authorization: `Bearer ${panel.token}` },
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}

/** Starts a server; resolves with the milliseconds from the request until the console socket says that the server is running. */
export function startAndTime(panel: Panel, serverId: string, socket: WebSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    const sentAt = performance.now();
    const timer = setTimeout(() => reject(new Error("the container did not start")), DEADLINE_MS);
    const onMessage = (data: WebSocket.RawData) => {
      const frame = JSON.parse(String(data)) as { type: string; state?: string; reason?: string };
      if (frame.type !== "server_state_update") return;
      if (frame.state === "crashed" || frame.state === "error") reject(new Error(`${frame.state}: ${frame.reason}`));
      if (frame.state !== "running") return;
      clearTimeout(timer);
      socket.off("message", onMessage);
      resolve(performance.now() - sentAt);
    };
    socket.on("message", onMessage);
    panel.must("POST", `/api/servers/${serverId}/start`).catch(reject);
  });
}
