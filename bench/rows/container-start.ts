/** From the request to start a server to its container running, on nerdctl with the image present. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import WebSocket from "ws";
import { Panel } from "../../tests/world/panel.ts";
import { type Measurement, ms } from "../bench.ts";
import { median, percentile } from "../percentile.ts";

const run = promisify(execFile);
const IMAGE = "docker.io/catalyst-test/echo:1";
const STARTS = 15;
const TARGET_MS = 1_200;
const SETTLE_MS = 1_000;
const DEADLINE_MS = 30_000;
const WORK = "request → container running, image present, p50";

/** What is missing to run containers here; null when nothing is. */
async function whatIsMissing(): Promise<string | null> {
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

/** The same container by nerdctl alone: what no panel above it can be quicker than. */
async function bareStart(index: number): Promise<number> {
  const name = `catalyst-bench-${process.pid}-${index}`;
  const nerdctl = (...args: string[]) => run("nerdctl", ["--namespace", "catalyst", ...args]);
  const startedAt = performance.now();
  try {
    await nerdctl("run", "-d", "--name", name, "-p", "127.0.0.1:29999:7777", IMAGE, "sleep", "60");
    return performance.now() - startedAt;
  } finally {
    await nerdctl("rm", "-f", name);
  }
}

/** Resolves with the time from the request until the console socket says that the server is running. */
function start(panel: Panel, serverId: string, socket: WebSocket): Promise<number> {
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

async function measureStarts(panel: Panel): Promise<number[]> {
  await panel.must("POST", "/api/templates", {
    id: "bench-sleeper",
    name: "Sleeper",
    image: IMAGE,
    startup: "exec sleep 3600",
  });
  const serverId = await panel.createServer({ templateId: "bench-sleeper" });
  const socket = new WebSocket(`${panel.url.replace("http", "ws")}/api/servers/${serverId}/console`, {
    headers: { authorization: `Bearer ${panel.token}` },
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const times: number[] = [];
  try {
    for (let i = 0; i < STARTS; i++) {
      times.push(await start(panel, serverId, socket));
      await panel.must("POST", `/api/servers/${serverId}/kill`);
      await panel.waitForState(serverId, "stopped");
      // The end of the last container is not part of the next one's start.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    }
  } finally {
    socket.terminate();
  }
  return times;
}

export const containerStart: Measurement = {
  name: "container-start",
  async measure() {
    const reason = await whatIsMissing();
    if (reason) return [{ name: "container-start", work: WORK, reason }];
    const bare: number[] = [];
    for (let i = 0; i < STARTS; i++) bare.push(await bareStart(i));
    const panel = await Panel.start({ runtime: "nerdctl" });
    try {
      const times = await measureStarts(panel);
      const p50 = median(times);
      return [
        {
          name: "container-start",
          work: WORK,
          bestOfField: "not known",
          target: "≤ 1.2 s",
          here: `${(p50 / 1000).toFixed(2)} s`,
          ratio: `${(p50 / median(bare)).toFixed(1)} (over bare nerdctl)`,
          isMet: p50 <= TARGET_MS,
          notes: [
            `${STARTS} starts, slowest ${ms(percentile(times, 1))} ms; \`nerdctl run\` alone, one port and no log, takes ${ms(median(bare))} ms.`,
          ],
        },
      ];
    } finally {
      await panel.stop();
    }
  },
};
