import { type ChildProcess, fork } from "node:child_process";
import type { ConsoleTarget } from "./jobs.ts";

/** Runs `work` against the bare relay and the sender behind it, each a process of its own, and ends both. */
export async function withRelay<T>(work: (target: ConsoleTarget) => Promise<T>): Promise<T> {
  const children: ChildProcess[] = [];
  const start = (file: URL, args: string[] = []) => {
    const child = fork(file, args);
    children.push(child);
    return firstMessage<{ port: number }>(child);
  };
  try {
    const { port } = await start(new URL("./relay.ts", import.meta.url));
    await start(new URL("./relay-sender.ts", import.meta.url), [String(port)]);
    return await work({ socketUrl: `ws://127.0.0.1:${port}/viewer`, serverId: "relay", panel: null });
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
  }
}

function firstMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as T));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`it ended with ${code} before it was ready`)));
  });
}
