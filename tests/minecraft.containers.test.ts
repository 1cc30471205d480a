import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ConsoleViewer } from "./world/console-viewer.ts";
import { containerTemplate } from "./world/container-template.ts";
import { Panel } from "./world/panel.ts";
import { until } from "./world/until.ts";

/** The part of a mineflayer bot that the test uses. */
interface Bot {
  once(event: "spawn" | "error" | "end", listener: (value: unknown) => void): void;
  on(event: "message", listener: (message: { toString(): string }) => void): void;
  chat(text: string): void;
  quit(): void;
}
const require = createRequire(new URL("./minecraft/package.json", import.meta.url));
const mineflayer: { createBot(options: Record<string, unknown>): Bot } = require("mineflayer");

const MEMORY_MB = 768;
const CPU_CORES = 0.75;

let panel: Panel;
let bot: Bot | undefined;
beforeAll(async () => {
  panel = await Panel.start({ runtime: "nerdctl" });
});
afterAll(async () => {
  bot?.quit();
  await panel?.stop();
});

it("is joined by a real client; chat and console reach each other, within the limits asked for", async () => {
  const serverId = await panel.createServer({
    name: "survival",
    templateId: await containerTemplate(panel, "minecraft-flying-squid", "catalyst-test/squid:1", {
      installScript: "cp -R /opt/server/. .",
    }),
    allocatedMemoryMb: MEMORY_MB,
    allocatedCpuCores: CPU_CORES,
    allocatedDiskMb: 2048,
  });
  await panel.waitForState(serverId, "stopped", 120_000);
  await panel.startServer(serverId, 120_000);
  const viewer = new ConsoleViewer(panel, serverId);
  await viewer.connect();
  const { primaryPort } = await panel.must<{ primaryPort: number }>("GET", `/api/servers/${serverId}`);

  const heard: string[] = [];
  bot = mineflayer.createBot({
    host: "127.0.0.1",
    port: primaryPort,
    username: "Steve",
    version: "1.21.4",
    auth: "offline",
  });
  const joined = bot;
  await new Promise<unknown>((resolve, reject) => {
    joined.once("spawn", resolve);
    joined.once("error", reject);
    joined.once("end", (reason) => reject(new Error(`the client was turned away: ${reason}`)));
  });
  joined.on("message", (message) => heard.push(message.toString()));

  joined.chat("good morning from a client");
  await until("the chat is in the console", () => viewer.text.includes("good morning from a client"));
  viewer.send({ type: "console_input", data: "say hello from the console" });
  await until("the client hears the console", () => heard.some((line) => line.includes("hello from the console")));

  viewer.close();
  const stats = await panel.must<{ memoryLimitBytes: number; memoryBytes: number }>(
    "GET",
    `/api/servers/${serverId}/stats`,
  );
  expect(stats.memoryLimitBytes).toBe(MEMORY_MB * 1024 * 1024);
  expect(stats.memoryBytes).toBeGreaterThan(10 * 1024 * 1024);
  const limits = cgroupLimits(serverId);
  // This template asks for no head-room: what the server asked for is what the kernel enforces.
  expect(limits.memoryBytes).toBe(MEMORY_MB * 1024 * 1024);
  expect(limits.cpuCores).toBeCloseTo(CPU_CORES, 2);
});

/** What the kernel enforces on the container, read from its cgroup (v1 or v2). */
function cgroupLimits(serverId: string): { memoryBytes: number; cpuCores: number } {
  const inspect = ["--namespace", "catalyst", "inspect", "--format", "{{.State.Pid}}", `catalyst-${serverId}`];
  const pid = execFileSync("nerdctl", inspect, { encoding: "utf8" }).trim();
  const groups = Object.fromEntries(
    readFileSync(`/proc/${pid}/cgroup`, "utf8")
      .trim()
      .split("\n")
      .flatMap((line) => {
        const [, controllers, path] = line.split(":") as [string, string, string];
        return controllers.split(",").map((controller) => [controller, path]);
      }),
  );
  const read = (path: string) => readFileSync(path, "utf8").trim();
  if (groups.memory) {
    const memory = read(`/sys/fs/cgroup/memory${groups.memory}/memory.limit_in_bytes`);
    const cpu = `/sys/fs/cgroup/cpu${groups.cpu}`;
    return {
      memoryBytes: Number(memory),
      cpuCores: Number(read(`${cpu}/cpu.cfs_quota_us`)) / Number(read(`${cpu}/cpu.cfs_period_us`)),
    };
  }
  const [quota, period] = read(`/sys/fs/cgroup${groups[""]}/cpu.max`).split(" ").map(Number);
  return { memoryBytes: Number(read(`/sys/fs/cgroup${groups[""]}/memory.max`)), cpuCores: quota! / period! };
}
